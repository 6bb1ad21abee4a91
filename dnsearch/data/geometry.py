"""Images moved as one was told, a whole batch at once; a mask of labels moves with its image.

A placement says for each pixel of a result where in the image it comes from. TensorFlow has one operation
that follows such placements, different ones for each image, which Keras' flips, crops and translations are
several of.
"""

from typing import Any, Literal

import tensorflow as tf

Tensor = Any
Placements = Tensor
"""(batch, 8) float32: a0 a1 a2 b0 b1 b2 0 0.

The pixel at (x, y) comes from (a0·x + a1·y + a2, b0·x + b1·y + b2).
"""


def placements(flipped: Tensor, shifted: Tensor, size: tuple[int, int]) -> Placements:
    """Mirror, then shift; in whole pixels, so that nothing is interpolated.

    Args:
        flipped: (batch, 2) bool, upside down and left to right.
        shifted: (batch, 2) int32, rows downwards and columns to the right.
        size: height and width of the images.
    """
    sign = tf.where(flipped, -1.0, 1.0)
    last = tf.constant([size[0] - 1.0, size[1] - 1.0])
    start = tf.where(flipped, last, 0.0) - sign * tf.cast(shifted, tf.float32)
    return affine(sign[:, 1], 0.0, start[:, 1], 0.0, sign[:, 0], start[:, 0])


def affine(*coefficients: Tensor) -> Placements:
    """Six coefficients, each of shape (batch,) or the same for all, as placements."""
    batch = tf.shape(next(each for each in coefficients if tf.is_tensor(each)))
    return tf.stack([tf.broadcast_to(each, batch) for each in (*coefficients, 0.0, 0.0)], axis=1)


def moved(
    images: Tensor,
    where: Placements,
    fill: float = 0.0,
    interpolation: Literal["NEAREST", "BILINEAR"] = "NEAREST",
) -> Tensor:
    """The images at their new places.

    Args:
        images: (batch, height, width, channels), numbers of any kind; a mask of labels has one channel.
        where: the placements.
        fill: what comes in from outside.
        interpolation: labels and whole pixels want the nearest.
    """
    result = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=where,
        output_shape=tf.shape(images)[1:3],
        fill_value=fill,
        interpolation=interpolation,
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(result, images.shape)


def inside(rectangles: Tensor, size: tuple[int, int]) -> Tensor:
    """Which pixels lie in a rectangle.

    Args:
        rectangles: (batch, 4) int32: top, left, bottom, right.
        size: height and width of the images.

    Returns:
        (batch, height, width, 1) bool.
    """
    top, left, bottom, right = tf.unstack(rectangles[:, :, tf.newaxis], axis=1)
    rows, columns = tf.range(size[0])[tf.newaxis], tf.range(size[1])[tf.newaxis]
    within_rows, within_columns = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
    return within_rows[:, :, tf.newaxis, tf.newaxis] & within_columns[:, tf.newaxis, :, tf.newaxis]
