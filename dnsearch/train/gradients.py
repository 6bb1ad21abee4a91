"""Gradients of a batch in parts, for less memory, and loss scaling for float16.

**Parts.** Each part's gradient is of the sum of its losses, divided by the images of the whole batch: so the
gradients add up to the batch's, also where the last part is smaller. The network is traced once, as the body
of a loop.

**Loss scaling** (Micikevicius et al., 2018). float16 has nothing between 0 and 6e-8, and the gradients of
features are often that small. So the loss is multiplied by a scale, and the gradient, a float32 vector by
then, divided by it. Where the gradient is not finite, the step is skipped and the scale halved; after 2,000
good steps it is doubled. ``keras.optimizers.LossScaleOptimizer`` has the same rule and numbers, but for two
cases. At a scale of 1 a step is done whatever its gradient: the training has diverged, and the next loss
shows it. And the scale stops at 2^24, so that gradients of zeros do not double it until it is infinite.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

Tensor = Any
OfPart = Callable[[Tensor, Tensor, Sequence[Tensor]], tuple[list[Tensor], list[Tensor]]]
"""Images, labels and what goes from part to part → what is added up, and what goes on to the next part."""


def accumulated(
    of_part: OfPart,
    images: Tensor,
    labels: Tensor,
    handed: Sequence[Tensor],
    *,
    parts: int,
    nothing: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """What ``of_part`` finds for consecutive parts of a batch, added up, and what the last one hands on.

    Args:
        of_part: what to add up.
        images: (batch, height, width, channels).
        labels: theirs.
        handed: what the first part is given.
        parts: into how many parts the batch is cut; one of fewer images has fewer.
        nothing: zeros to start adding from.
    """
    count = tf.shape(images)[0]
    size = (count + parts - 1) // parts

    def add_part(start: Tensor, so_far: list[Tensor], given: list[Tensor]) -> tuple[Tensor, ...]:
        found, passed_on = of_part(images[start : start + size], labels[start : start + size], given)
        return start + size, [*map(tf.add, so_far, found)], passed_on

    _, total, last = tf.while_loop(
        lambda start, *_: start < count, add_part, (0, list(nothing), list(handed)), parallel_iterations=1
    )
    return total, last


Move = Callable[[Tensor, Tensor], None]
"""Moves the weights by a gradient and a learning rate."""

FIRST, SMALLEST, LARGEST = 2.0**15, 1.0, 2.0**24
GROWTH_STEPS = 2000


class LossScaling:
    """The scale, a power of two, and how many steps have gone well since it changed."""

    def __init__(self) -> None:
        self.scale = tf.Variable(FIRST, trainable=False)
        self.good_steps = tf.Variable(0, trainable=False, dtype=tf.int64)

    @property
    def variables(self) -> Mapping[str, Any]:
        """What a resume needs."""
        return {"loss scale": self.scale, "good steps": self.good_steps}

    def applied(self, move: Move) -> Move:
        """The same for the gradient of a scaled loss; it does nothing where that is not finite."""

        def guarded(gradient: Tensor, rate: Tensor) -> None:
            finite = tf.reduce_all(tf.math.is_finite(gradient))
            tf.cond(finite | (self.scale <= SMALLEST), lambda: self._go(move, gradient, rate), self._skip)

        return guarded

    def _go(self, move: Move, gradient: Tensor, rate: Tensor) -> Tensor:
        """Do a step that goes well; double the scale after so many."""
        move(gradient / self.scale, rate)
        counted = self.good_steps.assign_add(1)
        enough = tf.equal(counted, GROWTH_STEPS)
        self.good_steps.assign(tf.where(enough, tf.zeros_like(counted), counted))
        return self.scale.assign(tf.where(enough, tf.minimum(2 * self.scale, LARGEST), self.scale))

    def _skip(self) -> Tensor:
        self.good_steps.assign(0)
        return self.scale.assign(self.scale / 2)
