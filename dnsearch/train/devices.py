"""What a training computes on, and what a person should know about that.

A batch shared out to several graphics cards.

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

from dnsearch import environment
from dnsearch.errors import Problem, SpecError
from dnsearch.spec.training import Training
from dnsearch.train.gradients import OfPart


def training_devices(training: Training, examples: int) -> tuple[str, ...]:
    """TensorFlow's names of the graphics cards to train on; none: the processor.

    Args:
        training: the section of the spec.
        examples: number of training images.

    Raises:
        SpecError: a batch has fewer than two images for each card, which BatchNorm needs for a variance.
    """
    cards = environment.graphics_cards()
    if training.devices == "one":
        return cards[:1]
    images = min(training.batch_size, examples)
    if len(cards) > 1 and images < 2 * len(cards):
        expected = f"batches of at least {2 * len(cards)} images, two for each of {len(cards)} graphics cards"
        raise SpecError([Problem("training.devices", expected, f"{images}", "Train on one device instead.")])
    return cards


def uses_xla(training: Training, devices: Sequence[str]) -> bool:
    """Whether XLA compiles the network's pass and its gradient.

    Args:
        training: the section of the spec.
        devices: the graphics cards that are trained on.
    """
    by_itself = bool(devices) and not training.deterministic
    return training.xla == "on" or (training.xla == "auto" and by_itself)


def unmet(training: Training, devices: Sequence[str]) -> str:
    """What a spec asks for that these devices cannot give; empty where there is nothing."""
    if devices:
        alone = training.devices == "all" and len(devices) == 1
        return "one graphics card found; training.devices: all is the same as one here" if alone else ""
    wishes = (
        (training.devices == "all", "training.devices: all is the same as one here"),
        (training.precision != "float32", f"training.precision: {training.precision} saves no time here"),
        (training.xla == "on", "training.xla: on saves no time here"),
    )
    said = [f"\n  {text}" for wished, text in wishes if wished]
    found = f"no graphics card found; training on {environment.cores()} cores"
    return "".join([found, *said]) if said else ""


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
