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

from dnsearch.data.augment import Vary, augmenter, bounds
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
Sample = tuple[Pixels, Pixels, tuple[tuple[str, float], ...]]
"""An image as it was and as the network sees it, and the names and shares of its classes.

Images are (height, width, 3), from 0 to 1, under their masks if they have masks. The largest share is first;
of a mask it is one of the pixels that count.
"""
MOST_TOLD = 6
"""Classes of a mask that are named."""


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """Batches that can be gone through any number of times, made from their places in the epoch."""

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

    Visited is a share of the beginning of a ranking, as ``split.ranked`` gives it, but at least ``fewest``.

    >>> sorted(epoch_images(np.array([3, 1, 0, 2]), 0.5, seed=0, epoch=1).tolist())
    [1, 3]
    """
    count = min(len(ranking), max(fewest, round(share * len(ranking))))
    return np.sort(ranking[:count])[epoch_order(count, seed, epoch)]


def training_batches(
    split: Split,
    scaling: Scaling,
    batch_size: int,
    order: NDArray[np.intp],
    vary: Vary | None = None,
    fewest: int = FEWEST,
) -> Batches:
    """The images in a given order, as batches of (images, labels).

    A last batch of fewer than ``fewest`` images, two for each device, is dropped: of a single one batch
    normalization has no variance. The order changes with every epoch, and so do the images left out.

    Returns:
        Batches of float32 (batch, height, width, channels) and int32 (batch,), of masks (batch, height,
        width); where labels are mixed, float32 (batch, classes).
    """
    rest = len(order) % batch_size
    dropped = rest if rest < fewest and len(order) > batch_size else 0  # the only batch is never dropped
    return _batches(split, scaling, batch_size, order[: len(order) - dropped], vary)


def evaluation_batches(split: Split, scaling: Scaling, batch_size: int) -> Batches:
    """All images in the order of the split, as batches of (images, labels), the last one maybe smaller."""
    return _batches(split, scaling, batch_size, np.arange(len(split)))


def _batches(
    split: Split, scaling: Scaling, batch_size: int, order: NDArray[np.intp], vary: Vary | None = None
) -> Batches:
    def make(place: slice) -> Batch:
        chosen = split.take(order[place])
        pixels = chosen.first(len(chosen))
        with tf.device("/cpu:0"):  # a GPU has the network to train meanwhile
            if vary is not None:
                return vary(pixels, chosen.labels, place)
            return tf.constant(scaling.apply(pixels)), tf.constant(chosen.labels)

    starts = range(0, len(order), batch_size)
    return Batches(make, [slice(start, min(start + batch_size, len(order))) for start in starts])


def samples(dataset: Dataset, training: Training, count: int, epoch: int) -> list[Sample]:
    """The first images of an epoch, in its order, out of the very batches that a training gets."""
    split, names = dataset.training, dataset.class_names
    order = epoch_order(len(split), training.seed, epoch)
    augment = augmenter(dataset, training)
    batches = training_batches(
        split, dataset.scaling, training.batch_size, order, augment(epoch) if augment else None
    )
    seen = (pair for images, labels in batches for pair in zip(images.numpy(), labels.numpy(), strict=True))
    limits, chosen = bounds(split.images), split.take(order[:count])
    offset, scale = (np.asarray(each, np.float32) for each in (dataset.scaling.offset, dataset.scaling.scale))

    def shown(pixels: NDArray[Any], label: NDArray[Any]) -> Pixels:
        image = visible(pixels, limits)
        return overlaid(image, label, len(names)) if dataset.has_masks else image

    return [
        (shown(original, own), shown(pixels * scale + offset, label), _classes(label, names))
        for original, own, (pixels, label) in zip(chosen.first(count), chosen.labels, seen, strict=False)
    ]


def _classes(label: NDArray[Any], names: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """Of a class or, where labels are mixed or a mask, of the shares of all classes."""
    if label.ndim == 0:
        return ((names[int(label)], 1.0),)
    if label.ndim == 2:
        counts = np.bincount(label[label >= 0], minlength=len(names))
        label = counts / max(1, counts.sum())
    shares = {names[int(number)]: float(label[number]) for number in np.argsort(-label, kind="stable")}
    return tuple((name, share) for name, share in shares.items() if share > 0)[:MOST_TOLD]
