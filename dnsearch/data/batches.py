"""Images in memory or in files → batches for TensorFlow, in an order that is known beforehand.

The order of an epoch depends on the seed and the number of the epoch alone, so a training that goes on
after an interruption sees the batches that it would have seen. Images stay uint8 until their batch is
made; scaling and augmentation happen inside tf.data, ahead of the training step. Of dnsearch's data modules
only this one and those of augmentation import TensorFlow.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dnsearch.data.augmented import Rows, Varied, scaled
from dnsearch.data.files import Files
from dnsearch.data.images import Images, Scaling, Split
from dnsearch.errors import DataError

PREFETCHED_BATCHES = 4
FEWEST = 2
"""Images that batch normalization needs for a variance."""

Event = TypeVar("Event")


def epoch_order(examples: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """The order in which an epoch visits its images.

    >>> epoch_order(5, seed=0, epoch=1).tolist() == epoch_order(5, seed=0, epoch=1).tolist()
    True

    Args:
        examples: number of images.
        seed: the training's seed.
        epoch: number of the epoch.

    Returns:
        (examples,): every position once.
    """
    return np.random.default_rng([seed, epoch]).permutation(examples)


def training_steps(examples: int, batch_size: int, fewest: int = FEWEST) -> int:
    """How many batches ``training_batches`` yields.

    >>> [training_steps(examples, 64) for examples in (64, 65, 66, 1)]
    [1, 1, 2, 1]
    >>> training_steps(67, 64, fewest=4)
    1
    """
    return -(-_visited(examples, batch_size, fewest) // batch_size)


def training_batches(
    split: Split,
    scaling: Scaling,
    batch_size: int,
    order: NDArray[np.intp],
    varied: Varied | None = None,
    fewest: int = FEWEST,
) -> tf.data.Dataset:
    """The images in a given order, as batches of (images, labels).

    A last batch of one single image is dropped: batch normalization has no variance to divide by there,
    and its moving statistics would be pulled towards that one image. The order changes with every epoch,
    and so does the image that is left out.

    Args:
        split: the images.
        scaling: what is done to their pixels.
        batch_size: images per batch; the last batch may have fewer.
        order: positions in ``split``, such as ``epoch_order`` gives.
        varied: how the images are augmented, one row per position; None: not at all.
        fewest: a smaller last batch is dropped; two for each device that a batch is shared out to.

    Returns:
        Batches of float32 (batch, height, width, channels) and int32 (batch,), of masks (batch, height,
        width); where labels are mixed, float32 (batch, classes).
    """
    return _batches(split, scaling, batch_size, order[: _visited(len(order), batch_size, fewest)], varied)


def evaluation_batches(split: Split, scaling: Scaling, batch_size: int) -> tf.data.Dataset:
    """All images in the order of the split, as batches of (images, labels), the last one maybe smaller."""
    return _batches(split, scaling, batch_size, np.arange(len(split)))


def _visited(examples: int, batch_size: int, fewest: int) -> int:
    """How many images of an epoch are visited; an epoch of a single batch keeps it."""
    rest = examples % batch_size
    return examples - rest if rest < fewest and examples > batch_size else examples


def _batches(
    split: Split, scaling: Scaling, batch_size: int, order: NDArray[np.intp], varied: Varied | None = None
) -> tf.data.Dataset:
    with tf.device("/cpu:0"):  # the whole set must not move to the GPU
        pixels_of, labels = _reader(split.images), tf.convert_to_tensor(split.labels)

    def batch(positions: tf.Tensor, rows: Rows) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.cast(pixels_of(positions), tf.float32)
        classes = tf.gather(labels, positions)
        return varied.vary(pixels, classes, rows) if varied else (scaled(pixels, scaling), classes)

    drawn = {name: array[: len(order)] for name, array in varied.drawn.items()} if varied else {}
    positions = tf.data.Dataset.from_tensor_slices((order.astype(np.int64), drawn)).batch(batch_size)
    batches = positions.map(batch, num_parallel_calls=2, deterministic=True).prefetch(PREFETCHED_BATCHES)
    return batches.with_options(_options())


def _reader(images: Images | Files) -> Callable[[tf.Tensor], tf.Tensor]:
    """Positions → pixels: out of memory, or out of files that are read only now."""
    if not isinstance(images, Files):
        held = tf.convert_to_tensor(images)
        return lambda positions: tf.gather(held, positions)

    def read(positions: tf.Tensor) -> tf.Tensor:
        pixels = tf.numpy_function(lambda chosen: images[chosen].read(), [positions], tf.uint8)
        return tf.ensure_shape(pixels, (None, *images.image_shape))

    return read


def explained(events: Iterable[Event]) -> Iterator[Event]:
    """Hand on batches, or whatever is made of them; a file that cannot be read is told of as at any time.

    TensorFlow keeps of an error in the middle of its pipeline only the name and the text.

    Raises:
        DataError: a file has become unreadable.
    """
    try:
        yield from events
    except tf.errors.OpError as error:
        _, found, text = error.message.partition(f"{DataError.__name__}: ")
        if not found:
            raise
        raise DataError(text.partition("\nTraceback ")[0].rstrip()) from error


def _options() -> tf.data.Options:
    """Nothing that is tuned or rewritten: an epoch of a small set is over before that pays."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    options.deterministic = True
    return options
