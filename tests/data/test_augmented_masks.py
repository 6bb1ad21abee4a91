"""A mask goes where its image goes."""

import numpy as np
import pytest

from dnsearch.data.dataset import Dataset, Scaling, Split
from dnsearch.spec.training import Training

SIZE = 12


@pytest.fixture(scope="module")
def dataset():
    """40 images of 6 grey blocks without a 0 among them; each pixel's label is its grey over 40."""
    rng = np.random.default_rng(0)
    greys = np.kron(rng.integers(1, 6, (40, 6, 6)), np.ones((2, 2), int))
    split = Split((greys * 40).astype(np.uint8)[..., np.newaxis], greys.astype(np.int32))
    names = tuple(map(str, range(6)))
    return Dataset(split, split, None, names, Scaling((0.0,), (1.0,)))


def varied(dataset, **kinds):
    """The images and masks of an epoch, as the network gets them: (40, 12, 12) each; and its order."""
    from dnsearch.data.augment import augmenter
    from dnsearch.data.batches import epoch_order, training_batches

    section = {"epochs": 1, "learning_rate": 0.1, "batch_size": 20, "augmentation": kinds}
    training = Training.model_validate(section)
    order = epoch_order(40, 0, 1)
    batches = training_batches(dataset.training, dataset.scaling, 20, order, augmenter(dataset, training)(1))
    images, masks = (np.concatenate(each) for each in zip(*batches, strict=True))
    assert masks.dtype == np.int32
    return images[..., 0], masks, order


@pytest.mark.parametrize(
    "kinds",
    [
        {"translate": 0.3, "flip": "both"},
        {"erasing": {"probability": 1.0}},
        {"crop": 2, "cutmix": 1.0, "cutout": 3},
    ],
    ids=str,
)
def test_each_pixel_keeps_its_label_and_blank_ones_do_not_count(tensorflow_ready, dataset, kinds):
    images, masks, order = varied(dataset, **kinds)
    np.testing.assert_array_equal(masks, np.where(images == 0, -1, images / 40))
    assert (masks != dataset.training.labels[order]).any()


def test_rand_augment_moves_masks_and_colours_images_alone(tensorflow_ready, dataset):
    images, masks, order = varied(dataset, rand_augment={"operations": 1, "magnitude": 6})
    same = (masks == dataset.training.labels[order]).all(axis=(1, 2))
    coloured = same & (images != dataset.training.images[order][..., 0]).any(axis=(1, 2))
    assert coloured.sum() > 5  # of 8 operations in 14
    assert (~same).sum() > 5  # of 5
    assert set(np.unique(masks)) <= {-1, 1, 2, 3, 4, 5}
    # A turned, sheared or moved image is interpolated; where it is its label's grey all the same, mostly.
    for image, mask in zip(images[~same], masks[~same], strict=True):
        counted = mask >= 0
        assert (np.abs(image - 40 * mask)[counted] < 25).mean() > 0.6
