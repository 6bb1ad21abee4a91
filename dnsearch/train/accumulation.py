"""A batch worked through in parts, for less memory.

Each part's gradient is of the sum of its losses, divided by the images of the whole batch: so the gradients
add up to the batch's, also where the last part is smaller. The network is traced once, as the body of a loop.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Tensor = Any
OfPart = Callable[[Tensor, Tensor, Sequence[Tensor]], tuple[list[Tensor], list[Tensor]]]
"""Images, labels and what goes from part to part → what is added up, and what goes on to the next part."""


def accumulated(
    of_part: OfPart, batch: tuple[Tensor, Tensor], parts: int, nothing: list[Tensor], handed: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """What ``of_part`` finds for consecutive parts of a batch, added up, and what the last one hands on.

    Args:
        of_part: what to add up.
        batch: images of shape ``(batch, height, width, channels)`` and their labels.
        parts: into how many parts the batch is cut; one of fewer images has fewer.
        nothing: what to start adding from: zeros.
        handed: what the first part is given.
    """
    images, labels = batch
    count = tf.shape(images)[0]
    size = (count + parts - 1) // parts

    def add_part(start: Tensor, so_far: list[Tensor], given: list[Tensor]) -> tuple[Tensor, ...]:
        found, passed_on = of_part(images[start : start + size], labels[start : start + size], given)
        return start + size, [*map(tf.add, so_far, found)], passed_on

    _, total, last = tf.while_loop(
        lambda start, *_: start < count, add_part, (0, nothing, handed), parallel_iterations=1
    )
    return total, last
