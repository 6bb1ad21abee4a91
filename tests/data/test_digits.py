"""Scikit-learn's digits, and scenes of them with a mask each."""

import numpy as np
import pytest

from dnsearch.data import digits
from dnsearch.data.dataset import Scaling
from dnsearch.data.sources import load
from dnsearch.spec.data_section import Data


@pytest.fixture(scope="module")
def original():
    return digits.read(Data(source="scenes"))


def test_they_are_always_the_same_and_loaded_like_any_other(original):
    again = load(Data(source="scenes", training_examples=100))
    np.testing.assert_array_equal(original.test.images, again.test.images)
    np.testing.assert_array_equal(original.test.labels, again.test.labels)
    assert (len(again.training), len(again.validation), len(again.test)) == (100, 120, 300)
    assert again.has_masks and again.image_shape == (32, 32, 1)


def test_every_class_is_there_and_the_background_prevails(original):
    for split in (original.training, original.test):
        counts = np.array(split.counts(len(original.class_names)))
        assert (counts[1:] > 1000).all()
        assert 0.85 < counts[0] / counts.sum() < 0.95
    assert original.class_names == ("background", *"0123456789")


def test_ink_is_brighter_than_its_ground(original):
    for pixels, mask in zip(original.training.images[:100, ..., 0], original.training.labels, strict=False):
        assert pixels[mask > 0].mean() > pixels[mask == 0].mean() + 50


def stamps(split):
    """The digits' shapes with their classes, as masks have them."""
    return {
        (np.where(ink[..., 0] >= digits.INK, label + 1, 0)).astype(np.int32).tobytes()
        for ink, label in zip(split.images, split.labels, strict=True)
    }


def test_test_scenes_show_digits_that_training_scenes_do_not(original):
    source = digits.read(Data(source="digits"))
    training, test = stamps(source.training), stamps(source.test)
    whole = original.test.labels
    windows = np.lib.stride_tricks.sliding_window_view(whole[:40], (8, 8), axis=(1, 2))
    seen = {window.tobytes() for window in np.ascontiguousarray(windows).reshape(-1, 8, 8) if window.any()}
    assert len(seen & test) > 100
    assert not seen & (training - test)


def test_no_digit_is_in_two_parts():
    from sklearn.datasets import load_digits

    dataset = load(Data(source="digits"))
    parts = (dataset.training, dataset.validation, dataset.test)
    found = sorted(image.tobytes() for part in parts for image in part.images)
    assert found == sorted(image.astype(np.uint8).tobytes() for image in load_digits().images)


def test_digits_keep_their_sixteen_shades():
    dataset = load(Data(source="digits", normalize="unit"))
    assert dataset.training.images.max() == 16
    assert dataset.scaling == Scaling((0.0,), (16.0,))
    assert dataset.scaling.apply(dataset.test.images).max() == 1.0
    assert dataset.class_names == tuple("0123456789")


def test_the_test_digits_are_a_fifth_of_each_class():
    dataset = load(Data(source="digits"))
    rest = np.bincount(dataset.training.labels) + np.bincount(dataset.validation.labels)
    shares = np.bincount(dataset.test.labels) / (rest + np.bincount(dataset.test.labels))
    np.testing.assert_allclose(shares, 0.2, atol=0.005)
