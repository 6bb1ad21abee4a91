"""What a training computes on, and what a person should know about that."""

from collections.abc import Sequence

from dnsearch import runtime
from dnsearch.errors import Problem, SpecError
from dnsearch.spec.training import Training


def training_devices(training: Training, examples: int) -> tuple[str, ...]:
    """TensorFlow's names of the graphics cards to train on; none: the processor.

    Args:
        training: the section of the spec.
        examples: number of training images.

    Raises:
        SpecError: a batch has fewer than two images for each card, which BatchNorm needs for a variance.
    """
    cards = runtime.graphics_cards()
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
    found = f"no graphics card found; training on {runtime.cores()} cores"
    return "".join([found, *said]) if said else ""
