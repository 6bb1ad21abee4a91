"""Some images as the network will see them in an epoch, next to what they were, for people to look at.

They come out of the very batches that a training gets, so what is shown is what is trained on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.augment import augmenter, bounds
from dnsearch.data.batches import Batches, epoch_order, training_batches
from dnsearch.data.dataset import Dataset
from dnsearch.data.mask_images import Pixels, overlaid, visible
from dnsearch.spec.training import Training

MOST_TOLD = 6
"""Classes of a mask that are named."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One training image.

    Args:
        original: (height, width, 3), from 0 to 1; under its mask, where it has one.
        seen: the same after augmentation.
        classes: the names and shares of its classes (of a mask, of the pixels that are seen and count), the
            largest share first.
    """

    original: Pixels
    seen: Pixels
    classes: tuple[tuple[str, float], ...]


def samples(dataset: Dataset, training: Training, count: int, epoch: int) -> list[Sample]:
    """The first images of an epoch, in its order.

    Args:
        dataset: the images.
        training: seed, batch size and augmentation.
        count: how many; fewer where there are not so many.
        epoch: number of the epoch, from 1.
    """
    split, scaling = dataset.training, dataset.scaling
    order = epoch_order(len(split), training.seed, epoch)
    augment = augmenter(dataset, training)
    batches = training_batches(
        split, scaling, training.batch_size, order, augment(epoch) if augment else None
    )
    limits, chosen = bounds(split.images), split.take(order[:count])
    offset, scale = np.asarray(scaling.offset, np.float32), np.asarray(scaling.scale, np.float32)

    def shown(pixels: NDArray[Any], label: NDArray[Any]) -> Pixels:
        image = visible(pixels, limits)
        return overlaid(image, label, len(dataset.class_names)) if dataset.has_masks else image

    return [
        Sample(
            shown(original, own), shown(seen * scale + offset, label), _classes(label, dataset.class_names)
        )
        for original, own, (seen, label) in zip(
            chosen.first(count), chosen.labels, _each(batches), strict=False
        )
    ]


def _each(batches: Batches) -> Iterator[tuple[Pixels, NDArray[np.generic]]]:
    for images, labels in batches:
        yield from zip(images.numpy(), labels.numpy(), strict=True)


def _classes(label: NDArray[Any], names: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """Of a class or, where labels are mixed or a mask, of the shares of all classes."""
    if label.ndim == 0:
        return ((names[int(label)], 1.0),)
    if label.ndim == 2:
        counts = np.bincount(label[label >= 0], minlength=len(names))
        label = counts / max(1, counts.sum())
    shares = {names[int(number)]: float(label[number]) for number in np.argsort(-label, kind="stable")}
    return tuple((name, share) for name, share in shares.items() if share > 0)[:MOST_TOLD]
