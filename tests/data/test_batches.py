import time

import numpy as np
import pytest
import tensorflow as tf

from dnsearch.data.batches import (
    AHEAD,
    Batches,
    epoch_images,
    epoch_order,
    evaluation_batches,
    samples,
    training_batches,
)
from dnsearch.data.dataset import Scaling, Split
from dnsearch.data.sources import load
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data
from dnsearch.spec.training import Training

pytestmark = pytest.mark.usefixtures("tensorflow_ready")  # before anything else uses TensorFlow

SCALING = Scaling((3.0, 5.0, 7.0), (2.0, 0.3, 9.0))


def numbered(examples, dtype=np.uint8):
    images = np.random.default_rng(1).integers(0, 256, (examples, 5, 4, 3)).astype(dtype)
    return Split(images, np.arange(examples, dtype=np.int32))


def collected(dataset):
    return [(images.numpy(), labels.numpy()) for images, labels in dataset]


def test_an_order_depends_on_seed_and_epoch_alone():
    first = epoch_order(100, seed=3, epoch=2)
    assert np.array_equal(first, np.random.default_rng([3, 2]).permutation(100))
    assert not np.array_equal(first, epoch_order(100, seed=3, epoch=3))
    assert not np.array_equal(first, epoch_order(100, seed=4, epoch=2))
    assert not np.array_equal(epoch_order(100, seed=2, epoch=3), first)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_batches_follow_the_order_and_are_scaled_bit_for_bit(dtype):
    split, order = numbered(50, dtype), epoch_order(50, 0, 1)
    found = collected(training_batches(split, SCALING, 16, order))
    assert [len(labels) for _, labels in found] == [16, 16, 16, 2]
    assert np.concatenate([labels for _, labels in found]).tolist() == order.tolist()
    images = np.concatenate([images for images, _ in found])
    assert np.array_equal(images, SCALING.apply(split.images[order]))


def test_batches_have_the_promised_types():
    images, labels = next(iter(training_batches(numbered(20), SCALING, 8, epoch_order(20, 0, 1))))
    assert (images.dtype, labels.dtype) == (tf.float32, tf.int32)
    assert images.shape.as_list() == [8, 5, 4, 3]
    assert labels.shape.as_list() == [8]


@pytest.mark.parametrize(
    ("examples", "batch_size", "sizes"),
    [
        (9, 4, [4, 4]),
        (10, 4, [4, 4, 2]),
        (8, 4, [4, 4]),
        (3, 4, [3]),
        (1, 4, [1]),
        (5, 4, [4]),
        (3, 1, [1, 1, 1]),
        (1, 1, [1]),
    ],
)
def test_a_last_batch_of_one_image_is_dropped(examples, batch_size, sizes):
    dataset = training_batches(numbered(examples), SCALING, batch_size, np.arange(examples))
    assert [len(labels) for _, labels in collected(dataset)] == sizes
    assert len(dataset) == len(sizes)


@pytest.mark.parametrize(
    ("examples", "sizes"), [(16, [8, 8]), (11, [8]), (12, [8, 4]), (13, [8, 5]), (3, [3])]
)
def test_a_last_batch_too_small_for_all_devices_is_dropped(examples, sizes):
    dataset = training_batches(numbered(examples), SCALING, 8, np.arange(examples), fewest=4)
    assert [len(labels) for _, labels in collected(dataset)] == sizes


def test_an_order_may_visit_some_images_only():
    found = collected(training_batches(numbered(30), SCALING, 4, np.array([7, 3, 7])))
    assert found[0][1].tolist() == [7, 3, 7]


def test_an_epoch_of_all_images_is_its_order():
    ranking = np.random.default_rng(5).permutation(30)
    assert epoch_images(ranking, 1.0, 3, 2).tolist() == epoch_order(30, 3, 2).tolist()


def test_an_epoch_of_some_images_visits_the_beginning_of_the_ranking_in_an_order_of_its_own():
    ranking = np.random.default_rng(5).permutation(30)
    few, again, more = (
        epoch_images(ranking, share, 3, epoch) for share, epoch in ((0.3, 1), (0.3, 2), (0.7, 3))
    )
    assert sorted(few.tolist()) == sorted(again.tolist()) == sorted(ranking[:9].tolist())
    assert few.tolist() != again.tolist()
    assert set(few.tolist()) < set(more.tolist())
    assert len(more) == 21


@pytest.mark.parametrize(("examples", "fewest", "visited"), [(30, 2, 2), (30, 4, 4), (3, 4, 3), (1, 2, 1)])
def test_an_epoch_has_as_many_images_as_its_devices_need(examples, fewest, visited):
    assert len(epoch_images(np.arange(examples), 1e-9, 0, 1, fewest)) == visited


def test_evaluation_keeps_every_image_in_its_order():
    split = numbered(9)
    found = collected(evaluation_batches(split, SCALING, 4))
    assert [len(labels) for _, labels in found] == [4, 4, 1]
    assert np.concatenate([labels for _, labels in found]).tolist() == list(range(9))
    assert np.array_equal(np.concatenate([images for images, _ in found]), SCALING.apply(split.images))


def test_the_order_is_kept_where_batches_are_made_in_parallel():
    split, order = numbered(600), epoch_order(600, 0, 1)
    batches = training_batches(split, SCALING, 3, order)
    for _ in range(2):  # and they can be gone through again
        assert np.concatenate([labels for _, labels in collected(batches)]).tolist() == order.tolist()


def test_only_a_few_batches_are_made_before_they_are_asked_for():
    made = []
    waiting = iter(Batches(lambda place: made.append(place) or (place, place), [slice(k) for k in range(50)]))
    next(waiting)
    time.sleep(0.05)
    assert len(made) <= AHEAD + 1
    waiting.close()
    assert len(made) <= AHEAD + 1


def test_an_error_is_raised_when_it_is_the_turn_of_its_batch():
    def make(place):
        if place.stop == 2:
            raise DataError("the third is broken")
        return place, place

    found = iter(Batches(make, [slice(number) for number in range(9)]))
    assert [next(found)[0].stop for _ in range(2)] == [0, 1]
    with pytest.raises(DataError, match="the third is broken"):
        next(found)


def training(augmentation=None):
    return Training.model_validate({"epochs": 1, "learning_rate": 0.1, "augmentation": augmentation})


@pytest.fixture(scope="module")
def digits():
    return load(Data(source="digits", training_examples=100))


def test_without_augmentation_an_image_is_what_it_was(digits):
    found = samples(digits, training(), count=5, epoch=2)
    order = epoch_order(100, 0, 2)
    assert len(found) == 5
    for (original, seen, classes), position in zip(found, order, strict=False):
        np.testing.assert_allclose(seen, original, atol=1e-6)
        np.testing.assert_array_equal(original[..., 0], digits.training.images[position, ..., 0] / 16)
        assert original.shape == (8, 8, 3)
        assert classes == ((str(digits.training.labels[position]), 1.0),)


def test_mixed_classes_are_told_with_their_shares(digits):
    found = samples(digits, training({"mixup": 1.0}), count=1000, epoch=1)
    assert len(found) == 100
    assert any(len(classes) == 2 for _, _, classes in found)
    for _, seen, classes in found:
        shares = [share for _, share in classes]
        assert sum(shares) == pytest.approx(1, abs=1e-5) and shares == sorted(shares, reverse=True)
        assert seen.min() >= 0 and seen.max() <= 1
