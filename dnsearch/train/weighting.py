"""What each class counts in the training loss."""

from collections.abc import Mapping, Sequence
from typing import Literal

from dnsearch.errors import Problem, SpecError

ClassWeights = Literal["balanced"] | Mapping[str, float]


def class_weights(wanted: ClassWeights, names: Sequence[str], counts: Sequence[int]) -> tuple[float, ...]:
    """One weight per class.

    ``balanced`` is images / (classes × images of the class), so that all classes count the same and the mean
    over the images is 1; a class without images has 1. A mapping is from names or numbers; what it leaves out
    has 1.

    Args:
        wanted: what the spec says.
        names: names of the classes.
        counts: training images (for a U-Net, pixels) of each class.

    Raises:
        SpecError: there is no such class, or one is named twice.

    >>> class_weights("balanced", ("cat", "dog"), (30, 10))
    (0.6666666666666666, 2.0)
    >>> class_weights({"dog": 3.0}, ("cat", "dog"), (30, 10))
    (1.0, 3.0)
    """
    if wanted == "balanced":
        total, classes = sum(counts), len(counts)
        return tuple(total / (classes * count) if count else 1.0 for count in counts)
    found: dict[int, float] = {}
    for said, weight in wanted.items():
        number = _number(said, names)
        if number in found:
            expected = f"each class once; {said} is class {number}, which has a weight already"
            raise SpecError([Problem(f"training.class_weights.{said}", expected)])
        found[number] = weight
    return tuple(found.get(number, 1.0) for number in range(len(names)))


def _number(said: str, names: Sequence[str]) -> int:
    """The number of a class that is called by its name or its number; a name goes first."""
    if said in names:
        return names.index(said)
    if said.isdecimal() and int(said) < len(names):
        return int(said)
    expected = f"a class's name or its number from 0 to {len(names) - 1}"
    hint = f"The classes are {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}."
    raise SpecError([Problem(f"training.class_weights.{said}", expected, said, hint)])
