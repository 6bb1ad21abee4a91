"""Images in memory or in files → batches for TensorFlow, in an order that is known beforehand.

The order of an epoch depends on the seed and the epoch's number alone, so a resumed training sees the batches
that it would have seen. A few threads make the batches, some batches ahead of the training.

tf.data is not used: it traces its functions anew in every epoch, takes more than a millisecond for each batch
(the network of a small search trains on one in ten), and keeps only the text of an error.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dnsearch.data.augment import Varied, augmenter, bounds
from dnsearch.data.dataset import Dataset, Scaling, Split
from dnsearch.data.masks import Pixels, overlaid, visible
from dnsearch.spec.training import Training

Batch = tuple[Any, Any]
"""Tensors: images and their labels."""

AHEAD = 4
"""Batches that are made before they are asked for."""
THREADS = 2
FEWEST = 2
"""Images that batch normalization needs for a variance."""
MOST_TOLD = 6
"""Classes of a mask that are named."""


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """Batches that can be gone through any number of times; their number is their length.

    Args:
        make: positions of a batch in the epoch → the batch.
        places: those of each batch.
    """

    make: Callable[[slice], Batch]
    places: Sequence[slice]

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Batch]:
        """Make the batches in their order; what goes wrong with one is raised when it is its turn."""
        coming: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(THREADS) as threads:
            for place in self.places:
                coming.append(threads.submit(self.make, place))
                if len(coming) > AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()


def epoch_order(examples: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """The order in which an epoch visits its images.

    >>> epoch_order(5, seed=0, epoch=1).tolist() == epoch_order(5, seed=0, epoch=1).tolist()
    True
    """
    return np.random.default_rng([seed, epoch]).permutation(examples)


def epoch_images(
    ranking: NDArray[np.intp], share: float, seed: int, epoch: int, fewest: int = FEWEST
) -> NDArray[np.intp]:
    """The images that an epoch visits, in its order; of all of them, that is ``epoch_order``.

    >>> sorted(epoch_images(np.array([3, 1, 0, 2]), 0.5, seed=0, epoch=1).tolist())
    [1, 3]

    Args:
        ranking: all positions, as ``split.ranked`` orders them.
        share: how much of their beginning is visited, above 0 and at most 1.
        seed: the training's seed.
        epoch: number of the epoch.
        fewest: so many are visited at least, where there are so many.
    """
    count = min(len(ranking), max(fewest, round(share * len(ranking))))
    return np.sort(ranking[:count])[epoch_order(count, seed, epoch)]


def training_batches(
    split: Split,
    scaling: Scaling,
    batch_size: int,
    order: NDArray[np.intp],
    varied: Varied | None = None,
    fewest: int = FEWEST,
) -> Batches:
    """The images in a given order, as batches of (images, labels).

    A last batch of a single image is dropped: batch normalization has no variance to divide by there. The
    order changes with every epoch, and so does the image that is left out.

    Args:
        split: the images.
        scaling: what is done to their pixels.
        batch_size: images per batch; the last batch may have fewer.
        order: positions in ``split``, such as ``epoch_order`` gives.
        varied: how the images are augmented, a row for each position at least; None: not at all.
        fewest: a smaller last batch is dropped; two for each device that a batch is shared out to.

    Returns:
        Batches of float32 (batch, height, width, channels) and int32 (batch,), of masks (batch, height,
        width); where labels are mixed, float32 (batch, classes).
    """
    rest = len(order) % batch_size
    dropped = rest if rest < fewest and len(order) > batch_size else 0  # the only batch is never dropped
    return _batches(split, scaling, batch_size, order[: len(order) - dropped], varied)


def evaluation_batches(split: Split, scaling: Scaling, batch_size: int) -> Batches:
    """All images in the order of the split, as batches of (images, labels), the last one maybe smaller."""
    return _batches(split, scaling, batch_size, np.arange(len(split)))


def _batches(
    split: Split, scaling: Scaling, batch_size: int, order: NDArray[np.intp], varied: Varied | None = None
) -> Batches:
    def make(place: slice) -> Batch:
        chosen = split.take(order[place])
        pixels = chosen.first(len(chosen))
        with tf.device("/cpu:0"):  # a GPU has the network to train meanwhile
            if varied is not None:
                return varied.batch(pixels, chosen.labels, place)
            return tf.constant(scaling.apply(pixels)), tf.constant(chosen.labels)

    starts = range(0, len(order), batch_size)
    return Batches(make, [slice(start, min(start + batch_size, len(order))) for start in starts])


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One training image as the network will see it, next to what it was, for people to look at.

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
