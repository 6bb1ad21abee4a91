"""Digits on canvases, with a mask each."""

import numpy as np
import pytest

from dnsearch.data import digits, scenes
from dnsearch.data.sources import load
from dnsearch.spec.data_section import Data


@pytest.fixture(scope="module")
def original():
    return scenes.read(Data(source="scenes"))


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
        (np.where(ink[..., 0] >= scenes.INK, label + 1, 0)).astype(np.int32).tobytes()
        for ink, label in zip(split.images, split.labels, strict=True)
    }


def test_test_scenes_show_digits_that_training_scenes_do_not(original):
    training, test = map(stamps, digits.training_and_test())
    whole = original.test.labels
    windows = np.lib.stride_tricks.sliding_window_view(whole[:40], (8, 8), axis=(1, 2))
    seen = {window.tobytes() for window in np.ascontiguousarray(windows).reshape(-1, 8, 8) if window.any()}
    assert len(seen & test) > 100
    assert not seen & (training - test)
