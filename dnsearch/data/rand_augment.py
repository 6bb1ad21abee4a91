"""Images moved and recoloured as they were told to be, a whole batch at once; masks of labels move along.

RandAugment (Cubuk et al., 2019, arXiv 1909.13719): every operation is done to the whole batch, and each image
takes the one that was drawn for it: for 64 images of 32x32 many times as fast as a loop. The strengths at
magnitude 10 are AutoAugment's; pixels are brought to 0-255 first, so that they mean the same for digits.
"""

import math
from typing import Any

import tensorflow as tf

Tensor = Any
Placements = Tensor
"""(batch, 8) float32: a0 a1 a2 b0 b1 b2 0 0.

The pixel at (x, y) comes from (a0·x + a1·y + a2, b0·x + b1·y + b2).
"""


def placements(flipped: Tensor, shifted: Tensor, size: tuple[int, int]) -> Placements:
    """Mirror, then shift, as ``augment.Draws`` say; in whole pixels, so that nothing is interpolated."""
    sign = tf.where(flipped, -1.0, 1.0)
    last = tf.constant([size[0] - 1.0, size[1] - 1.0])
    start = tf.where(flipped, last, 0.0) - sign * tf.cast(shifted, tf.float32)
    return affine(sign[:, 1], 0.0, start[:, 1], 0.0, sign[:, 0], start[:, 0])


def affine(*coefficients: Tensor) -> Placements:
    """Placements of six coefficients, each (batch,) or a number."""
    batch = tf.shape(next(each for each in coefficients if tf.is_tensor(each)))
    return tf.stack([tf.broadcast_to(each, batch) for each in (*coefficients, 0.0, 0.0)], axis=1)


def moved(images: Tensor, where: Placements, fill: float = 0.0, interpolation: str = "NEAREST") -> Tensor:
    """Images (batch, height, width, channels) at their new places; ``fill`` comes in from outside."""
    wanted = {"output_shape": tf.shape(images)[1:3], "interpolation": interpolation, "fill_mode": "CONSTANT"}
    result = tf.raw_ops.ImageProjectiveTransformV3(images=images, transforms=where, fill_value=fill, **wanted)
    return tf.ensure_shape(result, images.shape)


def inside(rectangles: Tensor, size: tuple[int, int]) -> Tensor:
    """Which pixels, (batch, height, width, 1) bool, are in rectangles (batch, 4) int32."""
    top, left, bottom, right = tf.unstack(rectangles[:, :, tf.newaxis], axis=1)
    rows, columns = tf.range(size[0])[tf.newaxis], tf.range(size[1])[tf.newaxis]
    within_rows, within_columns = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
    return within_rows[:, :, tf.newaxis, tf.newaxis] & within_columns[:, tf.newaxis, :, tf.newaxis]


# In the order of their numbers; the first leaves an image alone. Colour and shape change alike.
OPERATIONS = (
    *("identity", "autocontrast", "equalize", "rotate", "solarize", "color", "posterize", "contrast"),
    *("brightness", "sharpness", "shear_x", "shear_y", "translate_x", "translate_y"),
)
LARGEST_ANGLE = math.radians(30)
LARGEST_SHEAR = 0.3
LARGEST_SHIFT = 0.45  # of the side: 150 of 331 pixels
LARGEST_CHANGE = 0.9  # of colour, contrast, brightness and sharpness
LARGEST_LOSS = 4  # of posterize, in bits
LUMINANCE = (0.299, 0.587, 0.114)


def rand_augment(
    pixels: Tensor,
    operations: Tensor,
    backwards: Tensor,
    magnitude: float,
    bounds: tuple[float, float],
    fill: tuple[float, ...],
) -> Tensor:
    """Images, (batch, height, width, channels) float32, after their operations, one after another.

    ``operations`` are (batch, n) int32, positions in OPERATIONS; ``backwards`` (batch, n) bool: turn, shear,
    move or change the other way. ``magnitude`` is from 0 to 10, ``bounds`` the smallest and the largest value
    of a pixel, ``fill`` one value per channel for what comes in from outside.
    """
    low, high = bounds
    unit = 255 / (high - low if high > low else 1.0)
    outside = (tf.constant(fill, tf.float32) - low) * unit
    images = (pixels - low) * unit
    share = magnitude / 10
    for operation, back in zip(tf.unstack(operations, axis=1), tf.unstack(backwards, axis=1), strict=True):
        sign = tf.where(back, -1.0, 1.0)
        images = _recoloured(images, operation, 1 + LARGEST_CHANGE * share * sign, share)
        where = warps(operation, sign * share, (images.shape[1], images.shape[2]))
        images = moved(images - outside, where, interpolation="BILINEAR") + outside
    return images / unit + low


def followed(masks: Tensor, operations: Tensor, backwards: Tensor, magnitude: float, fill: int) -> Tensor:
    """Masks, (batch, height, width, 1) int32, after the same operations; what comes in is ``fill``."""
    for operation, back in zip(tf.unstack(operations, axis=1), tf.unstack(backwards, axis=1), strict=True):
        strength = tf.where(back, -1.0, 1.0) * magnitude / 10
        masks = moved(masks, warps(operation, strength, (masks.shape[1], masks.shape[2])), fill)
    return masks


def warps(operation: Tensor, strength: Tensor, size: tuple[int, int]) -> Placements:
    """Where the pixels come from, for ``operation`` (batch,) and ``strength`` (batch,) from -1 to 1."""

    def only(name: str, largest: float) -> Tensor:
        return tf.where(operation == OPERATIONS.index(name), strength * largest, 0.0)

    y, x = (size[0] - 1) / 2, (size[1] - 1) / 2
    angle = only("rotate", LARGEST_ANGLE)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    along_x, along_y = only("shear_x", LARGEST_SHEAR) - sine, only("shear_y", LARGEST_SHEAR) + sine
    move_x = only("translate_x", LARGEST_SHIFT * size[1])
    move_y = only("translate_y", LARGEST_SHIFT * size[0])
    start_x = x + move_x - cosine * x - along_x * y
    start_y = y + move_y - along_y * x - cosine * y
    return affine(cosine, along_x, start_x, along_y, cosine, start_y)


def _recoloured(images: Tensor, operation: Tensor, factor: Tensor, share: float) -> Tensor:
    """Each image as its operation recolours it; pixels are 0-255.

    ``factor`` (batch,) of the difference to the dull image stays; ``share`` is the magnitude from 0 to 1.
    """
    factor = factor[:, tf.newaxis, tf.newaxis, tf.newaxis]
    if images.shape[-1] == 3:
        grey = tf.reduce_sum(images * tf.constant(LUMINANCE), axis=-1, keepdims=True)
    else:
        grey = tf.reduce_mean(images, axis=-1, keepdims=True)
    mean = tf.reduce_mean(grey, axis=(1, 2, 3), keepdims=True)
    smooth = (9 * tf.nn.avg_pool2d(images, 3, 1, "SAME") + 4 * images) / 13  # Pillow's SMOOTH
    step = 2.0 ** round(LARGEST_LOSS * share)
    candidates = {
        "autocontrast": _autocontrast(images),
        "equalize": _equalized(images),
        "solarize": tf.where(images >= 256 * (1 - share), 255 - images, images),
        "posterize": tf.floor(images / step) * step,
        "brightness": factor * images,
        "color": grey + factor * (images - grey),
        "contrast": mean + factor * (images - mean),
        "sharpness": smooth + factor * (images - smooth),
    }
    result = images
    for name, candidate in candidates.items():
        chosen = operation[:, tf.newaxis, tf.newaxis, tf.newaxis] == OPERATIONS.index(name)
        result = tf.where(chosen, tf.clip_by_value(candidate, 0.0, 255.0), result)
    return result


def _autocontrast(images: Tensor) -> Tensor:
    """Each channel stretched over the whole range; one without contrast stays."""
    low = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    span = tf.reduce_max(images, axis=(1, 2), keepdims=True) - low
    return tf.where(span > 0, (images - low) * 255 / tf.maximum(span, 1e-3), images)


def _equalized(images: Tensor) -> Tensor:
    """Each channel's values, in 256 steps, replaced by their rank: v → 255 · (F(v) - F(min)) / (1 - F(min)).

    F is the share of pixels with at most that value; a channel of one value stays.
    """
    batch, channels = tf.shape(images)[0], images.shape[-1]
    plane = tf.reshape(tf.range(batch * channels), (batch, 1, 1, channels)) * 256
    values = plane + tf.cast(tf.clip_by_value(tf.round(images), 0.0, 255.0), tf.int32)
    counts = tf.math.unsorted_segment_sum(tf.ones_like(images), values, batch * channels * 256)
    below = tf.reshape(tf.cumsum(tf.reshape(counts, (-1, 256)), axis=1), [-1])
    ranks = tf.gather(below, values)
    lowest = tf.reduce_min(ranks, axis=(1, 2), keepdims=True)
    rest = tf.cast(tf.reduce_prod(tf.shape(images)[1:3]), tf.float32) - lowest
    return tf.where(rest > 0, (ranks - lowest) * 255 / tf.maximum(rest, 1.0), images)
