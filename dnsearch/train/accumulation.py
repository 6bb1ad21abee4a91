"""A batch worked through in parts, for less memory.

Each part's gradient is of the sum of its losses, divided by the images of the whole batch: so the gradients
add up to the batch's, also where the last part is smaller. The network is traced once, as the body of a loop.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Tensor = Any
OfPart = Callable[[Tensor, Tensor], tuple[list[Tensor], list[Tensor]]]
"""Images and labels → gradients, and other sums: of losses (float32) and of hits (int32)."""


def accumulated(
    of_part: OfPart, batch: tuple[Tensor, Tensor], parts: int, variables: Sequence[Any]
) -> tuple[list[Tensor], list[Tensor]]:
    """What ``of_part`` finds for consecutive parts of a batch, added up.

    Args:
        of_part: what to add up.
        batch: images of shape ``(batch, height, width, channels)`` and their labels.
        parts: into how many parts the batch is cut; one of fewer images has fewer.
        variables: what the gradients are of.
    """
    images, labels = batch
    count = tf.shape(images)[0]
    size = (count + parts - 1) // parts

    def add_part(start: Tensor, *so_far: Sequence[Tensor]) -> tuple[Tensor, ...]:
        found = of_part(images[start : start + size], labels[start : start + size])
        return (start + size, *([*map(tf.add, old, new)] for old, new in zip(so_far, found, strict=True)))

    nothing = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
    _, gradients, sums = tf.while_loop(
        lambda start, *_: start < count,
        add_part,
        (0, nothing, [tf.zeros(()), tf.zeros((), tf.int32)]),
        parallel_iterations=1,
    )
    return gradients, sums
