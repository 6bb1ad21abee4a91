"""Test-time augmentation: a network looks at several views of an image, and the probabilities are averaged.

Probabilities and not logits: their mean is the forecast of a mixture of the views, so its cross-entropy is
at most the mean of the views' own (Jensen), and one view that is very sure of itself cannot shout the
others down. AlexNet (Krizhevsky et al., 2012) averaged its ten crops in this way.
"""

from typing import Any, Literal

import tensorflow as tf

from dnsearch.train.steps import Logits

Views = Literal["flip", "shifts", "flip,shifts"]
SHIFT = 1 / 16
"""Of the side: 2 of 32 pixels, half of what the paper's crops move an image by; at least one pixel."""

Tensor = Any


def averaged(logits_of: Logits, views: Views) -> Logits:
    """Logits whose softmax is the mean of the views' probabilities.

    A mirrored view's logits for pixels are mirrored back.

    Args:
        logits_of: ``images (batch, height, width, channels) → logits (batch, classes)``; for pixels (batch,
            height, width, classes), and without shifts.
        views: flip: mirrored left to right as well; shifts: also a sixteenth of the side up, down, left and
            right, zeros (the mean colour) coming in; flip,shifts: each of the shifted ones mirrored, too.
    """

    def logits(images: Tensor) -> Tensor:
        images = tf.convert_to_tensor(images)
        shown = [images, *_shifted(images)] if "shifts" in views else [images]
        seen = [tf.nn.log_softmax(logits_of(view)) for view in shown]
        if "flip" in views:
            mirrored = [tf.nn.log_softmax(logits_of(view[:, :, ::-1])) for view in shown]
            seen += [each[:, :, ::-1] if each.shape.rank == 4 else each for each in mirrored]
        return tf.reduce_logsumexp(tf.stack(seen), axis=0) - tf.math.log(float(len(seen)))

    return logits


def _shifted(images: Tensor) -> list[Tensor]:
    height, width = images.shape[1:3]
    down, right = max(1, round(SHIFT * height)), max(1, round(SHIFT * width))
    padded = tf.pad(images, [[0, 0], [down, down], [right, right], [0, 0]])
    corners = [(0, right), (2 * down, right), (down, 0), (down, 2 * right)]
    return [padded[:, top : top + height, left : left + width] for top, left in corners]
