"""What a search's fidelity asks of a trial: the stages of its training up to each rung.

They follow from the number of epochs and the network alone, not from the trial's number or its bracket. So
all trials that are compared have seen the same by then, all that finish had the same training, and equal
settings stay equal.
"""

import math
from collections.abc import Iterator
from typing import assert_never

from dnsearch.errors import SpecError
from dnsearch.plan.graph import Shape
from dnsearch.plan.network import plan_network
from dnsearch.search.rungs import rungs
from dnsearch.spec.document import Document
from dnsearch.spec.network import Network, UNet
from dnsearch.spec.training import Size, Stage
from dnsearch.spec.tune import Tune


def staged(document: Document, tune: Tune, image_shape: Shape, classes: int) -> Document:
    """A trial's spec with the stages that the search asks for.

    Args:
        document: the spec, its growth rate found.
        tune: the search.
        image_shape: (height, width, channels) of its images.
        classes: number of its classes.
    """
    network, epochs = document.experiment.network, document.experiment.training.epochs
    match tune.fidelity:
        case "epochs":
            return document
        case "examples":
            stages = by_examples(epochs)
        case "image_size":
            stages = by_image_size(epochs, network, image_shape, classes)
        case _:
            assert_never(tune.fidelity)
    return document.with_stages(stages) if stages else document


def by_examples(epochs: int) -> tuple[Stage, ...]:
    """Up to the rung after r of E epochs, the share sqrt(r / E) of the images.

    >>> [(stage.epochs, stage.examples) for stage in by_examples(27)]
    [(3, 0.3333), (9, 0.5774)]
    """
    return tuple(Stage(epochs=rung, examples=round(_share(rung, epochs), 4)) for rung in rungs(epochs))


def by_image_size(epochs: int, network: Network, image_shape: Shape, classes: int) -> tuple[Stage, ...]:
    """Up to the rung after r of E epochs, images of the share sqrt(r / E) of the area, to whole pixels.

    Where the network cannot be built for so few pixels, as many as it needs. Rungs at which all are needed
    have no stage.

    >>> from dnsearch.spec.network import example
    >>> small = by_image_size(27, example(layers_per_block=(2, 2)), (32, 32, 3), 10)
    >>> [(stage.epochs, stage.image_size) for stage in small]
    [(3, (18, 18)), (9, (24, 24))]
    """
    if isinstance(network, UNet):  # where the family is searched; masks have no smaller size
        return ()
    found: dict[Size, Stage] = {}
    for rung in rungs(epochs):
        size = _fitting(network, image_shape, classes, math.sqrt(_share(rung, epochs)))
        if size != image_shape[:2]:
            found[size] = Stage(epochs=rung, image_size=size)  # of two rungs of one size, the later
    return tuple(found.values())


def _share(rung: int, epochs: int) -> float:
    return math.sqrt(rung / epochs)


def _fitting(network: Network, image_shape: Shape, classes: int, factor: float) -> Size:
    """The smallest size of at least so large sides that the network can be built for."""
    sizes, channels = _sizes(image_shape, factor), image_shape[2]
    return next(size for size in sizes if _fits(network, (*size, channels), classes))


def _sizes(image_shape: Shape, factor: float) -> Iterator[Size]:
    """Heights and widths, the smallest first, up to the whole."""
    height, width = (max(1, round(factor * side)) for side in image_shape[:2])
    while (height, width) != image_shape[:2]:
        yield height, width
        height, width = min(height + 1, image_shape[0]), min(width + 1, image_shape[1])
    yield height, width


def _fits(network: Network, image_shape: Shape, classes: int) -> bool:
    try:
        plan_network(network, image_shape, classes)
    except SpecError:
        return False
    return True
