"""How a trial stands in its study: figures with their intervals, and ties."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share from 0 to 1 and how far it may be off.

    Args:
        value: the figure, or the mean over seeds.
        interval: its 95 % interval; None where there is none.
        seeds: how many trainings it is the mean of.
    """

    value: float
    interval: tuple[float, float] | None
    seeds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a trial stands in its study.

    Args:
        validation: what it is ranked by; None without a figure.
        test: the same on the test images, where they were looked at.
        seeds: the fresh seeds of its finished confirmations.
        confirmations: how many confirmations were begun.
        tied: whether it cannot be told from the first.
        front: whether no other trial beats it in every objective; None in a study of one objective.
    """

    validation: Estimate | None
    test: Estimate | None
    seeds: tuple[int, ...] = ()
    confirmations: int = 0
    tied: bool = False
    front: bool | None = None
