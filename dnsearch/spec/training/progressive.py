"""The stages of the ``training`` section: epochs at the beginning that see fewer images, or smaller ones.

A stage holds from the end of the one before it up to and including its last epoch; after the last stage all
images are seen as they are::

    progressive: [{epochs: 3, examples: 0.5}, {epochs: 6, image_size: [24, 24]}]      epochs: 9

    epoch   1  2  3 │ 4  5  6 │ 7  8  9
    images    half  │   all   │   all
    size      full  │  24x24  │  full
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Annotated

from pydantic import Field

from dnsearch.errors import Problem
from dnsearch.spec.section import Section

Side = Annotated[int, Field(ge=1, le=4096)]
Size = tuple[Side, Side]
"""Height and width."""


class Stage(Section):
    """Epochs at the beginning of a training that cost less."""

    epochs: int = Field(
        ge=1,
        le=100_000,
        description="The last epoch of the stage, counted from the training's first; below training.epochs.",
    )
    examples: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of the training images, class by class and at least two; a larger share holds the "
        "images of a smaller one. The paper: 1.",
    )
    image_size: Size | None = Field(
        None,
        description="[height, width] that training and validation images are averaged down to. null: as they "
        "are, as in the paper. Not for U-Nets.",
    )


def share_at(stages: Sequence[Stage], epoch: int) -> float:
    """The share of the training images that an epoch sees.

    >>> [share_at((Stage(epochs=2, examples=0.5),), epoch) for epoch in (1, 2, 3)]
    [0.5, 0.5, 1.0]
    """
    return next((stage.examples for stage in stages if epoch <= stage.epochs), 1.0)


def stretches(stages: Sequence[Stage], epochs: int) -> Iterator[tuple[range, Size | None]]:
    """The epochs of a training, parted where the size of its images changes.

    Args:
        stages: the training's.
        epochs: how many it has.

    >>> small = Stage(epochs=2, image_size=(4, 4))
    >>> list(stretches((small, Stage(epochs=4, examples=0.5)), 9))
    [(range(1, 3), (4, 4)), (range(3, 10), None)]
    """
    bounds = pairwise([1, *(stage.epochs + 1 for stage in stages), epochs + 1])
    sizes = [*(stage.image_size for stage in stages), None]
    for size, parts in groupby(zip(bounds, sizes, strict=True), key=itemgetter(1)):
        (first, end), *others = (bound for bound, _ in parts)
        yield range(first, others[-1][1] if others else end), size


def in_words(stages: Sequence[Stage]) -> str:
    """What the stages ask for, in a line.

    >>> in_words((Stage(epochs=3, examples=0.5, image_size=(16, 16)), Stage(epochs=5, image_size=(24, 24))))
    'to epoch 3: 50 % of the images at 16x16; to epoch 5: all images at 24x24; then all as they are'
    """
    said = [f"to epoch {stage.epochs}: {_seen(stage)}" for stage in stages]
    return "; ".join([*said, "then all as they are"])


def _seen(stage: Stage) -> str:
    images = "all images" if stage.examples == 1 else f"{100 * stage.examples:.3g} % of the images"
    if stage.image_size is None:
        return images
    height, width = stage.image_size
    return f"{images} at {height}x{width}"


def _asked(stage: Stage) -> tuple[float, Size | None]:
    return stage.examples, stage.image_size


def ill_placed(stages: Sequence[Stage], epochs: int) -> Iterator[Problem]:
    """What is wrong with the stages of a training of so many epochs."""
    for number, stage in enumerate(stages):
        where, before = f"progressive.{number}", stages[number - 1] if number else None
        if stage.epochs >= epochs:
            expected = f"less than the training's {epochs} epochs: its last ones see all images as they are"
            yield Problem(f"{where}.epochs", expected, str(stage.epochs))
        elif before is not None and stage.epochs <= before.epochs:
            expected = f"more than {before.epochs}, where the stage before it ends"
            yield Problem(f"{where}.epochs", expected, str(stage.epochs))
        if _asked(stage) == (1, None):
            hint = "Set examples below 1 or an image_size, or leave the stage out."
            yield Problem(where, "expected fewer or smaller images; this stage changes nothing", hint=hint)
        elif before is not None and _asked(stage) == _asked(before):
            hint = "Make one stage of the two."
            yield Problem(where, "expected other images than in the stage before it", hint=hint)
