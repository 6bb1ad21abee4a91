"""Some images as the network will see them in an epoch, next to what they were, for people to look at.

They come out of the very batches that a training gets, so what is shown is what is trained on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.augmented import augmenter, bounds
from dnsearch.data.batches import epoch_order, training_batches
from dnsearch.data.images import Dataset
from dnsearch.spec.training import Training

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One training image.

    Args:
        original: (height, width, 3), from 0 to 1.
        seen: the same after augmentation.
        classes: the names and shares of its classes, the largest share first.
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
    limits, originals = bounds(split.images), split.take(order[:count]).first(count)
    offset, scale = np.asarray(scaling.offset, np.float32), np.asarray(scaling.scale, np.float32)
    return [
        Sample(
            _visible(original, limits),
            _visible(seen * scale + offset, limits),
            _classes(label, dataset.class_names),
        )
        for original, (seen, label) in zip(originals, _each(batches), strict=False)
    ]


def _each(batches: Any) -> Iterator[tuple[Pixels, NDArray[np.generic]]]:  # noqa: ANN401  (a tf.data.Dataset)
    for images, labels in batches.as_numpy_iterator():
        yield from zip(images, labels, strict=True)


def _visible(pixels: NDArray[Any], limits: tuple[float, float]) -> Pixels:
    """From 0 to 1, in three channels: of one or two the first alone, of more than three the first three."""
    low, high = limits
    shown = pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)
    return ((shown.astype(np.float32) - low) / (high - low if high > low else 1)).clip(0, 1)


def _classes(label: NDArray[Any], names: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """Of a class or, where labels are mixed, of the shares of all classes."""
    if label.ndim == 0:
        return ((names[int(label)], 1.0),)
    shares = {names[int(number)]: float(label[number]) for number in np.argsort(-label, kind="stable")}
    return tuple((name, share) for name, share in shares.items() if share > 0)
