"""What a training computes on: the choice of GPUs, a batch in parts or over GPUs, and errors of memory.

For a step each GPU is given a copy of the state and passes its share of the batch through the network; the
gradients, one vector each, are added up in one all-reduce. BatchNorm normalises each share by itself, as it
does the parts of ``accumulate``; its moving statistics are the mean over the GPUs. Dropout has seeds of its
own on each GPU; the first one draws what one alone would.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from dnsearch import environment
from dnsearch.errors import OutOfMemoryError, Problem, SpecError
from dnsearch.spec.training import Training

Tensor = Any
OfPart = Callable[[Tensor, Tensor, Sequence[Tensor]], tuple[list[Tensor], list[Tensor]]]
"""Images, labels, statistics and counters → gradient, loss and hits, to be added up; statistics, counters."""


def training_devices(training: Training, examples: int) -> tuple[str, ...]:
    """TensorFlow's names of the GPUs to train on; none: the processor.

    Each needs two images of a batch, for BatchNorm's variance.
    """
    gpus = environment.gpus()
    if training.devices == "one":
        return gpus[:1]
    images = min(training.batch_size, examples)
    if len(gpus) > 1 and images < 2 * len(gpus):
        expected = f"batches of at least {2 * len(gpus)} images, two for each of {len(gpus)} GPUs"
        raise SpecError([Problem("training.devices", expected, f"{images}", "Train on one device instead.")])
    return gpus


def uses_xla(training: Training, devices: Sequence[str]) -> bool:
    """Whether XLA compiles the network's pass and its gradient on these GPUs."""
    return bool(devices) and not training.deterministic if training.xla == "auto" else training.xla == "on"


def unmet(training: Training, devices: Sequence[str]) -> str:
    """What a spec asks for that these devices do not have, in words; empty where they have it all."""
    same = "training.devices: all is the same as one here"
    if devices:
        return f"one GPU found; {same}" if training.devices == "all" and len(devices) == 1 else ""
    wishes = (
        (training.devices == "all", same),
        (training.precision != "float32", f"training.precision: {training.precision} saves no time here"),
        (training.xla == "on", "training.xla: on saves no time here"),
    )
    lines = [f"\n  {text}" for wished, text in wishes if wished]
    found = f"no GPU found; training on {environment.cores()} cores"
    return "".join([found, *lines]) if lines else ""


def accumulated(
    of_part: OfPart,
    images: Tensor,
    labels: Tensor,
    given: Sequence[Tensor],
    *,
    parts: int,
    nothing: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """What ``of_part`` finds for consecutive parts of a batch, added up, and what the last one hands on.

    The network is traced once, as the body of a loop. Each part's gradient is of the sum of its losses,
    divided by the images of the whole batch: so they add up to the batch's, also where the last part is
    smaller. A batch of fewer images than ``parts`` has fewer; ``nothing`` is zeros to start adding from.
    """
    count = tf.shape(images)[0]
    size = (count + parts - 1) // parts

    def add_part(start: Tensor, so_far: list[Tensor], before: list[Tensor]) -> tuple[Tensor, ...]:
        found, passed_on = of_part(images[start : start + size], labels[start : start + size], before)
        return start + size, [*map(tf.add, so_far, found)], passed_on

    _, total, last = tf.while_loop(
        lambda start, *_: start < count, add_part, (0, list(nothing), list(given)), parallel_iterations=1
    )
    return total, last


@functools.cache
def strategy_over(devices: tuple[str, ...]) -> Any:  # noqa: ANN401  (a tf.distribute.MirroredStrategy)
    """The strategy over some devices, always the same one.

    Each strategy numbers its all-reduces from the start, and TensorFlow takes two of one number for one: with
    a strategy of its own, the second network of a process would be refused for its other size.
    """
    return tf.distribute.MirroredStrategy(devices)


def shared_out(
    of_part: OfPart,
    strategy: Any,  # noqa: ANN401  (a tf.distribute.MirroredStrategy)
    images: Tensor,
    labels: Tensor,
    given: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """The same for shares of a batch, at least one image for each GPU of a strategy, all at once."""
    count, replicas = tf.shape(images)[0], strategy.num_replicas_in_sync
    statistics, counters = given
    # Each counter is a pair: a seed and how often it was used. Keras counts seeds round 2^31 − 2 of them; a
    # golden section of that keeps the GPUs' seeds far from each other, however many there are.
    apart = tf.constant([1_327_217_883, 0] * (counters.shape[0] // 2), counters.dtype)

    def on_one_gpu() -> tuple[Tensor, ...]:
        replica = tf.distribute.get_replica_context()
        number = replica.replica_id_in_sync_group
        first, last = ((count * bound + replicas - 1) // replicas for bound in (number, number + 1))
        own = counters + tf.cast(number, counters.dtype) * apart
        found, after = of_part(images[first:last], labels[first:last], [statistics, own])
        # One vector, so that there is one all-reduce. Moves and not statistics, so that what does not move
        # (frozen weights are among them) stays the same to the last bit.
        sums = replica.all_reduce("sum", tf.concat([found[0], after[0] - statistics], axis=0))
        return sums, found[1], found[2], after[1]

    sums, losses, hits, counts = map(strategy.experimental_local_results, strategy.run(on_one_gpu))
    gradient, moves = tf.split(sums[0], [-1, statistics.shape[0]])
    return [gradient, tf.add_n(losses), tf.add_n(hits)], [statistics + moves / replicas, counts[0]]


@contextlib.contextmanager
def memory_errors_explained(moment: str) -> Iterator[None]:
    """Turn TensorFlow's errors of memory into an OutOfMemoryError; a moment is ``at step 1 of epoch 1``."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.AbortedError, MemoryError) as error:
        # The text is TensorFlow's for oneDNN's dnnl_out_of_memory; it does not say what it means.
        if isinstance(error, tf.errors.AbortedError) and "exception:Status: 1," not in str(error):
            raise
        hint = "A smaller training.batch_size needs less, and so does a smaller network."
        raise OutOfMemoryError(f"memory is used up {moment}.\n  {hint}") from error
