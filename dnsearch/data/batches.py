"""Images in memory or in files → batches for TensorFlow, in an order that is known beforehand.

An epoch's order depends on the seed and the epoch's number alone, so a resumed training sees the batches that
it would have seen. tf.data is not used: it traces its functions anew in every epoch, takes more than a
millisecond for each batch (a small network trains on one in ten), and keeps only the text of an error.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dnsearch.data.augment import Batch, Vary, augmenter, bounds
from dnsearch.data.dataset import Dataset, Scaling, Split
from dnsearch.data.masks import Pixels, overlaid, visible
from dnsearch.spec.training import Training

AHEAD = 4  # batches that are made before they are asked for
THREADS = 2
FEWEST = 2  # images that batch normalization needs for a variance
Sample = tuple[Pixels, Pixels, tuple[tuple[str, float], ...]]
"""An image as it was and as the network sees it, under its mask if it has one; its classes' names and shares.

The largest share is first; of a mask it is one of the pixels that count.
"""
MOST_TOLD = 6  # classes of a mask


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
    """The order in which an epoch visits its images."""
    return np.random.default_rng([seed, epoch]).permutation(examples)


def epoch_images(
    ranking: NDArray[np.intp], share: float, seed: int, epoch: int, fewest: int = FEWEST
) -> NDArray[np.intp]:
    """What an epoch visits, in its order: a share of a ranking's beginning, but at least ``fewest`` images.

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
    """The images in a given order, as batches of float32 (batch, height, width, channels) and int32 (batch,).

    Masks are (batch, height, width), mixed labels float32 (batch, classes). A last batch of fewer than
    ``fewest`` images, two for each device, is dropped: of a single one batch normalization has no variance.
    """
    rest = len(order) % batch_size
    # The only batch is never dropped.
    stop = len(order) - (rest if rest < fewest and len(order) > batch_size else 0)

    def make(place: slice) -> Batch:
        chosen = split.take(order[place])
        pixels = chosen.first(len(chosen))
        with tf.device("/cpu:0"):  # a GPU has the network to train meanwhile
            if vary is not None:
                return vary(pixels, chosen.labels, place)
            return tf.constant(scaling.apply(pixels)), tf.constant(chosen.labels)

    starts = range(0, stop, batch_size)
    return Batches(make, [slice(start, min(start + batch_size, stop)) for start in starts])


def evaluation_batches(split: Split, scaling: Scaling, batch_size: int) -> Batches:
    """All images in the order of the split, the last batch maybe smaller."""
    return training_batches(split, scaling, batch_size, np.arange(len(split)), fewest=1)


def samples(dataset: Dataset, training: Training, count: int, epoch: int) -> list[Sample]:
    """The first images of an epoch, in its order, out of the very batches that a training gets."""
    split, names = dataset.training, dataset.class_names
    order = epoch_order(len(split), training.seed, epoch)
    augment = augmenter(dataset, training)
    vary = augment(epoch) if augment else None
    batches = training_batches(split, dataset.scaling, training.batch_size, order, vary)
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
    """Of one class, of mixed classes' shares or of a mask."""
    if label.ndim == 0:
        return ((names[int(label)], 1.0),)
    if label.ndim == 2:
        counts = np.bincount(label[label >= 0], minlength=len(names))
        label = counts / max(1, counts.sum())
    largest = np.argsort(-label, kind="stable")[:MOST_TOLD]
    return tuple((names[number], float(label[number])) for number in largest if label[number] > 0)
