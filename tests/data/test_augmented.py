"""Augmented batches: in which order things are done, what labels become, and that a resume sees the same."""

from dataclasses import replace

import numpy as np
import pytest

from dnsearch.data.dataset import Dataset, Scaling, Split
from dnsearch.spec.training import Training

pytestmark = pytest.mark.usefixtures("tensorflow_ready")

SCALING = Scaling((100.0, 120.0, 90.0), (50.0, 60.0, 40.0))
EVERYTHING = {
    "flip": "both",
    "crop": 2,
    "cutout": 3,
    "erasing": {},
    "mixup": 0.4,
    "cutmix": 1.0,
    "rand_augment": {},
}


@pytest.fixture
def dataset():
    """50 images of 12x9x3 in 5 classes."""
    images = np.random.default_rng(1).integers(0, 256, (50, 12, 9, 3)).astype(np.uint8)
    split = Split(images, (np.arange(50) % 5).astype(np.int32))
    return Dataset(split, split.take(np.arange(5)), None, tuple("abcde"), SCALING)


def training(**kinds):
    return Training.model_validate({"epochs": 3, "learning_rate": 0.1, "augmentation": kinds, "seed": 7})


def batches(dataset, section, epoch=1, size=16):
    from dnsearch.data.augment import augmenter
    from dnsearch.data.batches import epoch_order, training_batches

    augment = augmenter(dataset, section)
    order = epoch_order(len(dataset.training), section.seed, epoch)
    varied = augment(epoch) if augment else None
    return arrays(training_batches(dataset.training, dataset.scaling, size, order, varied))


def arrays(found):
    return [(images.numpy(), labels.numpy()) for images, labels in found]


def in_order(dataset, section, epoch=1):
    from dnsearch.data.batches import epoch_order

    order = epoch_order(len(dataset.training), section.seed, epoch)
    return dataset.training.take(order), dataset.scaling.apply(dataset.training.images[order])


def joined(found):
    return np.concatenate([images for images, _ in found]), np.concatenate([labels for _, labels in found])


def test_no_section_means_no_augmentation(dataset):
    from dnsearch.data.augment import augmenter

    assert augmenter(dataset, training().model_copy(update={"augmentation": None})) is None


def test_an_empty_section_changes_nothing(dataset):
    images, labels = joined(batches(dataset, training()))
    split, scaled = in_order(dataset, training())
    assert np.array_equal(images, scaled) and np.array_equal(labels, split.labels)


def test_every_epoch_is_the_same_again_by_a_graph_that_is_traced_once(dataset, monkeypatch):
    """A resumed training makes the third epoch without the two before it."""
    from dnsearch.data import augment as module
    from dnsearch.data.augment import augmenter
    from dnsearch.data.batches import epoch_order, training_batches

    compiled, compile_once = [], module._compiled
    monkeypatch.setattr(
        module, "_compiled", lambda *some: compiled.append(compile_once(*some)) or compiled[0]
    )
    augment = augmenter(dataset, training(**EVERYTHING))

    def made(epoch):
        order = epoch_order(50, 7, epoch)
        return arrays(training_batches(dataset.training, SCALING, 16, order, augment(epoch)))

    alone, before, found = made(3), made(2), made(3)
    for one, other in zip(alone, found, strict=True):
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])
    assert not np.array_equal(alone[0][0], before[0][0])
    assert [each.experimental_get_tracing_count() for each in compiled] == [1]


def test_flips_and_crops_move_scaled_pixels_and_fill_with_the_mean_colour(dataset):
    from dnsearch.data.augment import draw
    from dnsearch.data.rand_augment import moved, placements

    section = training(flip="both", crop=3)
    images, labels = joined(batches(dataset, section))
    split, scaled = in_order(dataset, section)
    draws = draw(section.augmentation, 50, (12, 9), seed=7, epoch=1)
    expected = moved(scaled, placements(draws["flipped"], draws["shifted"], (12, 9))).numpy()
    assert np.array_equal(images, expected) and np.array_equal(labels, split.labels)
    assert labels.dtype == np.int32
    assert (images == 0).all(axis=-1).any()


def test_cutout_and_erasing_blank_what_was_drawn(dataset):
    from dnsearch.data.augment import draw

    section = training(cutout=4, erasing={"probability": 1.0})
    images, _ = joined(batches(dataset, section))
    _, expected = in_order(dataset, section)
    draws = draw(section.augmentation, 50, (12, 9), seed=7, epoch=1)
    for image, rectangles in zip(expected, draws["blanked"], strict=True):
        for top, left, bottom, right in rectangles:
            image[top:bottom, left:right] = 0
    assert np.array_equal(images, expected)


@pytest.mark.parametrize("kinds", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_images_and_labels_are_mixed_with_the_next_of_the_batch(dataset, kinds):
    from dnsearch.data.augment import draw

    section = training(**kinds)
    draws = draw(section.augmentation, 50, (12, 9), seed=7, epoch=1)
    kept = draws["kept"]
    split, scaled = in_order(dataset, section)
    start = 0
    for images, labels in batches(dataset, section):
        at = np.arange(start, start + len(images))
        partner = np.roll(at, -1)
        weights = np.broadcast_to(draws["own"][at, None, None, None], (len(at), 12, 9, 1)).copy()
        for weight, (top, left, bottom, right) in zip(weights, draws["pasted"][at], strict=True):
            weight[top:bottom, left:right] = 0
        np.testing.assert_allclose(images, weights * scaled[at] + (1 - weights) * scaled[partner], atol=1e-5)
        expected = np.zeros((len(at), 5), np.float32)
        expected[np.arange(len(at)), split.labels[at]] += kept[at]
        expected[np.arange(len(at)), split.labels[partner]] += 1 - kept[at]
        np.testing.assert_allclose(labels, expected, atol=1e-6)
        assert labels.dtype == np.float32
        start += len(images)
    assert start == 50


def test_rand_augment_works_on_pixels_before_they_are_scaled(dataset):
    """With nothing but the identity in reach of magnitude 0, most images stay as they are, scaled."""
    images, _ = joined(batches(dataset, training(rand_augment={"operations": 1, "magnitude": 0.0})))
    _, scaled = in_order(dataset, training())
    same = np.abs(images - scaled).max(axis=(1, 2, 3)) < 1e-4
    assert same.mean() > 0.6  # all but autocontrast and equalize
    low, high = SCALING.apply(np.array([[0, 0, 0], [255, 255, 255]]))
    assert (images >= low - 1e-4).all() and (images <= high + 1e-4).all()


def test_validation_images_are_never_augmented(dataset):
    from dnsearch.data.batches import evaluation_batches

    found = joined(arrays(evaluation_batches(dataset.validation, SCALING, 2)))
    assert np.array_equal(found[0], SCALING.apply(dataset.validation.images))


def test_a_single_image_is_mixed_with_itself(dataset):
    alone = replace(dataset, training=dataset.training.take(np.array([3])))
    ((images, labels),) = batches(alone, training(mixup=1.0, cutmix=1.0))
    np.testing.assert_allclose(images, SCALING.apply(alone.training.images), atol=1e-6)
    np.testing.assert_allclose(labels, np.eye(5)[[3]], atol=1e-6)
