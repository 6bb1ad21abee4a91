"""Varies a batch of training images as was drawn, in one graph without a loop over images.

The order: RandAugment on the pixels as they are, then scaling, then flips and shifts, blank rectangles, and
last the mixing of two images. Scaled pixels of 0 are the mean colour (with ``normalize: unit``, black), and
that is what comes in from outside. A mask goes wherever its image goes, by the nearest pixel; what is
blanked or comes in from outside does not count there. An image's partner in mixing is the next one of its
batch; the batch is in random order, so the partner is random as well.

Keras' layers are not used. They draw one seed after another from a state, which a resumed training would
have to restore; RandAugment and the blend draw one operation, or one flag, for a whole
batch; RandomCrop takes one place for all; and none says afterwards what it did.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dnsearch.data.checks import IGNORED
from dnsearch.data.dataset import Dataset, Images, Scaling
from dnsearch.data.draws import draw, own_shares
from dnsearch.data.image_files import Files
from dnsearch.data.rand_augment import followed, inside, moved, placements, rand_augment
from dnsearch.spec.augmentation import Augmentation
from dnsearch.spec.training import Training

Tensor = Any
Rows = dict[str, Tensor]
Vary = Callable[[Tensor, Tensor, Rows, Tensor], tuple[Tensor, Tensor]]
"""``(float32 pixels, labels, what was drawn for them, scaling) → (scaled images, labels)``."""


@dataclass(frozen=True, slots=True)
class Varied:
    """How the images of one epoch are varied.

    Args:
        drawn: what was drawn, one row for each place in the epoch's order, or more.
        scaling: of the pixels.
        vary: a compiled function, the same in every epoch.
    """

    drawn: dict[str, NDArray[np.generic]]
    scaling: Scaling
    vary: Vary

    def batch(
        self, pixels: NDArray[np.generic], labels: NDArray[np.int32], place: slice
    ) -> tuple[Tensor, Tensor]:
        """Images and labels of a batch, varied.

        Args:
            pixels: (batch, height, width, channels).
            labels: (batch,) or, of masks, (batch, height, width).
            place: their places in the epoch's order.
        """
        rows = {name: tf.constant(array[place]) for name, array in self.drawn.items()}
        scaling = tf.constant([self.scaling.offset, self.scaling.scale], tf.float32)
        return self.vary(tf.constant(pixels.astype(np.float32)), tf.constant(labels), rows, scaling)


def augmenter(dataset: Dataset, training: Training) -> Callable[[int], Varied] | None:
    """From an epoch's number to its variations; None where the spec wants none."""
    augmentation = training.augmentation
    if augmentation is None:
        return None
    size = dataset.image_shape[0], dataset.image_shape[1]

    def drawn(examples: int, epoch: int) -> dict[str, NDArray[np.generic]]:
        draws = draw(augmentation, examples, size, training.seed, epoch)
        columns = {**draws.columns(), "kept": own_shares(draws, size)}
        return {name: columns[name] for name in _wanted(augmentation)}

    vary = _compiled(augmentation, dataset, drawn(1, 1))
    return lambda epoch: Varied(drawn(len(dataset.training), epoch), dataset.scaling, vary)


def _wanted(augmentation: Augmentation) -> tuple[str, ...]:
    """The columns that something is done with."""
    moves = augmentation.flip or augmentation.crop or augmentation.translate
    return (
        *(("flipped", "shifted") if moves else ()),
        *(("blanked",) if augmentation.cutout or augmentation.erasing else ()),
        *(("pasted", "own", "kept") if augmentation.mixes_labels else ()),
        *(("operations", "reversed") if augmentation.rand_augment else ()),
    )


def _compiled(augmentation: Augmentation, dataset: Dataset, like: dict[str, NDArray[np.generic]]) -> Vary:
    """Compiled once, for batches of any size, whose rows are like some that were drawn."""
    height, width, _ = dataset.image_shape
    size, classes = (height, width), len(dataset.class_names)
    random = augmentation.rand_augment
    limits, masked = bounds(dataset.training.images) if random else (0.0, 0.0), dataset.has_masks

    def vary(pixels: Tensor, labels: Tensor, rows: Rows, scaling: Tensor) -> tuple[Tensor, Tensor]:
        labels = labels[..., tf.newaxis] if masked else labels
        if random is not None:
            chosen = rows["operations"], rows["reversed"]
            pixels = rand_augment(pixels, *chosen, random.magnitude, limits, dataset.scaling.offset)
            labels = followed(labels, *chosen, random.magnitude, IGNORED) if masked else labels
        # A scaling that TensorFlow knew would become a multiplication, with other bits than a division.
        images = _placed((pixels - scaling[0]) / scaling[1], rows, size)
        if not masked:
            return _mixed(images, labels, rows, size, classes) if "kept" in rows else (images, labels)
        masks = _placed(labels, rows, size, IGNORED)
        if "kept" in rows:
            images, masks = _pasted(images, rows, size), _pasted(masks, rows, size)
        return images, masks[..., 0]

    signature = [
        tf.TensorSpec((None, *dataset.image_shape), tf.float32),
        tf.TensorSpec((None, *size) if masked else (None,), tf.int32),
        {name: tf.TensorSpec((None, *rows.shape[1:]), rows.dtype) for name, rows in like.items()},
        tf.TensorSpec((2, dataset.image_shape[2]), tf.float32),
    ]
    compiled: Vary = tf.function(vary, autograph=False, input_signature=signature)
    return compiled


def bounds(images: Images | Files) -> tuple[float, float]:
    """The smallest and the largest value of a pixel; files are not read for it and could have any."""
    return (0.0, 255.0) if isinstance(images, Files) else (float(images.min()), float(images.max()))


def _placed(images: Tensor, rows: Rows, size: tuple[int, int], blank: int = 0) -> Tensor:
    """Images or masks, mirrored, moved and with blank rectangles."""
    if "shifted" in rows:
        images = moved(images, placements(rows["flipped"], rows["shifted"], size), blank)
    for rectangles in tf.unstack(rows["blanked"], axis=1) if "blanked" in rows else ():
        images = tf.where(inside(rectangles, size), tf.cast(blank, images.dtype), images)
    return images


def _pasted(images: Tensor, rows: Rows, size: tuple[int, int]) -> Tensor:
    """Images or masks with CutMix's rectangles of their partners."""
    return tf.where(inside(rows["pasted"], size), tf.roll(images, -1, axis=0), images)


def _mixed(
    images: Tensor, labels: Tensor, rows: Rows, size: tuple[int, int], classes: int
) -> tuple[Tensor, Tensor]:
    """Images and the shares of their classes, float32 (batch, classes)."""
    own = tf.where(inside(rows["pasted"], size), 0.0, rows["own"][:, tf.newaxis, tf.newaxis, tf.newaxis])
    kept = rows["kept"][:, tf.newaxis]
    shares = tf.one_hot(labels, classes)
    return (
        own * images + (1 - own) * tf.roll(images, -1, axis=0),
        kept * shares + (1 - kept) * tf.roll(shares, -1, axis=0),
    )
