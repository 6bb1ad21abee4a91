"""Weights of classes, and the classes that there are not."""

import pytest

from dnsearch.errors import SpecError
from dnsearch.train.losses import class_weights

NAMES = ("cat", "dog", "7")
COUNTS = (10, 30, 20)


def test_balanced_classes_count_the_same_and_the_mean_is_one():
    weights = class_weights("balanced", NAMES, COUNTS)
    assert [weight * count for weight, count in zip(weights, COUNTS, strict=True)] == pytest.approx([20] * 3)


def test_a_class_without_images_has_one():
    assert class_weights("balanced", NAMES, (10, 0, 20))[1] == 1.0


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"dog": 2.0}, (1.0, 2.0, 1.0)),
        ({"1": 2.0, "cat": 0.0}, (0.0, 2.0, 1.0)),
        ({"7": 3.0}, (1.0, 1.0, 3.0)),  # a name goes before a number
    ],
)
def test_names_and_numbers(wanted, found):
    assert class_weights(wanted, NAMES, COUNTS) == found


def test_there_is_no_such_class():
    with pytest.raises(SpecError) as caught:
        class_weights({"cow": 1.0}, NAMES, COUNTS)
    assert str(caught.value) == (
        "training.class_weights.cow\n"
        "  expected a class's name or its number from 0 to 2, found cow\n"
        "  The classes are cat, dog, 7."
    )


def test_a_class_has_one_weight():
    with pytest.raises(SpecError, match="dog is class 1, which has a weight already"):
        class_weights({"1": 1.0, "dog": 2.0}, NAMES, COUNTS)
