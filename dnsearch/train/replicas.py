"""A batch shared out to several graphics cards.

All that is trained is three vectors (state.py), and they stay on the first card. For a step each card is
given a copy, passes its share of the batch through the network by itself, and the gradients, one vector
each, are added up in one all-reduce. What follows, the optimizer, the averages, is the same as on one card.

BatchNorm normalises each share by itself, as it does the parts of ``accumulate``; its moving statistics are
the mean of what the cards make of them. Dropout draws for each card from seeds of its own; the first card
draws what one alone would.
"""

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from dnsearch.train.accumulation import OfPart

Tensor = Any

SEEDS_APART = 1_327_217_883
"""How far a seed lies from the next card's. Keras counts seeds round 2^31 − 2 of them; a golden section of
that keeps the cards' seeds far from each other, however many cards there are."""


@functools.cache
def strategy_over(devices: tuple[str, ...]) -> Any:  # noqa: ANN401  (a tf.distribute.MirroredStrategy)
    """The strategy over some devices, always the same one.

    Each strategy numbers its all-reduces from the start, and TensorFlow takes two of one number for one: with
    a strategy of its own, the second network of a process would be refused for its other size.
    """
    return tf.distribute.MirroredStrategy(devices)


def shared_out(
    of_share: OfPart,
    strategy: Any,  # noqa: ANN401  (a tf.distribute.MirroredStrategy)
    images: Tensor,
    labels: Tensor,
    given: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """What ``of_share`` finds for the shares of a batch, added up, and what it hands on.

    Args:
        of_share: finds a gradient, a loss and a number of hits; hands on statistics and counters.
        strategy: a MirroredStrategy over the cards.
        images: (batch, height, width, channels), at least one for each card.
        labels: theirs.
        given: statistics and counters before the step.
    """
    count, cards = tf.shape(images)[0], strategy.num_replicas_in_sync
    statistics, counters = given

    def on_one_card() -> tuple[Tensor, ...]:
        replica = tf.distribute.get_replica_context()
        number = replica.replica_id_in_sync_group
        first, last = ((count * bound + cards - 1) // cards for bound in (number, number + 1))
        own = counters + tf.cast(number, counters.dtype) * _seeds_apart(counters)
        found, after = of_share(images[first:last], labels[first:last], [statistics, own])
        # One vector, so that there is one all-reduce. Moves and not statistics, so that what does not move
        # (frozen weights are among them) stays the same to the last bit.
        sums = replica.all_reduce("sum", tf.concat([found[0], after[0] - statistics], axis=0))
        return sums, found[1], found[2], after[1]

    sums, losses, hits, counts = map(strategy.experimental_local_results, strategy.run(on_one_card))
    gradient, moves = tf.split(sums[0], [-1, statistics.shape[0]])
    return [gradient, tf.add_n(losses), tf.add_n(hits)], [statistics + moves / cards, counts[0]]


def _seeds_apart(counters: Tensor) -> Tensor:
    """What the next card's counters have more: each is a pair, a seed and how often it was used."""
    return tf.constant([SEEDS_APART, 0] * (counters.shape[0] // 2), counters.dtype)
