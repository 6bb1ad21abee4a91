"""The images of a contact sheet are those that the training gets."""

import numpy as np
import pytest

from dnsearch.data.batches import epoch_order
from dnsearch.data.sources import load
from dnsearch.spec.data_section import Data
from dnsearch.spec.training import Training

pytestmark = pytest.mark.usefixtures("tensorflow_ready")


def section(augmentation=None):
    return Training.model_validate({"epochs": 1, "learning_rate": 0.1, "augmentation": augmentation})


@pytest.fixture(scope="module")
def digits():
    return load(Data(source="digits", training_examples=100))


def test_without_augmentation_an_image_is_what_it_was(digits):
    from dnsearch.data.samples import samples

    found = samples(digits, section(), count=5, epoch=2)
    order = epoch_order(100, 0, 2)
    assert len(found) == 5
    for sample, position in zip(found, order, strict=False):
        np.testing.assert_allclose(sample.seen, sample.original, atol=1e-6)
        np.testing.assert_array_equal(sample.original[..., 0], digits.training.images[position, ..., 0] / 16)
        assert sample.original.shape == (8, 8, 3)
        assert sample.classes == ((str(digits.training.labels[position]), 1.0),)


def test_mixed_classes_are_told_with_their_shares(digits):
    from dnsearch.data.samples import samples

    found = samples(digits, section({"mixup": 1.0}), count=1000, epoch=1)
    assert len(found) == 100
    assert any(len(sample.classes) == 2 for sample in found)
    for sample in found:
        shares = [share for _, share in sample.classes]
        assert sum(shares) == pytest.approx(1, abs=1e-5) and shares == sorted(shares, reverse=True)
        assert sample.seen.min() >= 0 and sample.seen.max() <= 1
