"""All figures together."""

import numpy as np
import pytest

from dnsearch.evaluate.metrics import assess


def answers(examples=240, classes=7):
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=examples).astype(np.int32)
    logits = rng.normal(0, 1, (examples, classes))
    logits[np.arange(examples), labels] += 1.5
    return logits, labels, tuple(f"class {number}" for number in range(classes))


def test_every_figure_lies_in_its_interval_and_the_two_intervals_agree():
    logits, labels, names = answers()
    found = assess(logits, labels, names)
    for figure in (found.accuracy, found.top5_accuracy, found.loss):
        assert figure.low < figure.value < figure.high
    assert found.accuracy.value == (logits.argmax(axis=1) == labels).mean()
    assert found.accuracy.value < found.top5_accuracy.value < 1
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx(found.wilson, abs=0.015)
    assert found.confusion.sum() == found.examples == 240
    assert sum(each.support for each in found.classes) == 240


def test_five_classes_have_no_top_five():
    assert assess(*answers(classes=5)).top5_accuracy is None
    assert assess(*answers(classes=6)).top5_accuracy is not None


def test_it_is_the_same_every_time():
    first, second = assess(*answers()), assess(*answers())
    assert (first.accuracy, first.loss, first.calibration_error) == (
        second.accuracy,
        second.loss,
        second.calibration_error,
    )


def test_more_images_say_more():
    few, many = assess(*answers(100)).accuracy, assess(*answers(1600)).accuracy
    assert many.high - many.low < 0.4 * (few.high - few.low)


def test_one_image_is_enough():
    found = assess(np.array([[2.0, 1.0]]), np.array([0]), ("a", "b"))
    assert (found.accuracy.low, found.accuracy.high) == (1, 1)
