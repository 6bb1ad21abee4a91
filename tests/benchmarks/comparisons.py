"""Which figures are divided by which, and what the ratio should be."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Measured = Mapping[str, Sequence[Mapping[str, float]]]
"""Name of a job → the figures of each round, by names that end in their unit."""

FIRST, SPEED = "first_step_seconds", "images_per_second"
PEAK, STEP = "peak_bytes", "step_seconds"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure over another.

    Args:
        what: both, in words, with a stroke between them.
        over: the job and the figure of it that is divided.
        under: the job and the figure that it is divided by.
        at_least: the ratio wanted, if it shall be large.
        at_most: the ratio wanted, if it shall be small.
    """

    what: str
    over: tuple[str, str]
    under: tuple[str, str]
    at_least: float | None = None
    at_most: float | None = None


def _start(what: str, rival: str, own: str, at_least: float | None = None) -> Comparison:
    return Comparison(f"first step, {what} / dnsearch", (rival, FIRST), (own, FIRST), at_least)


def _speed(own: str, rival: str, what: str, at_least: float | None = None) -> Comparison:
    return Comparison(what, (own, SPEED), (rival, SPEED), at_least)


COMPARISONS = (
    _start("SGD: stock Keras", "Keras, SGD", "dnsearch, SGD", 4.5),
    _start("AdamW: stock Keras", "Keras, AdamW", "dnsearch, AdamW", 6.0),
    _start("SGD: PyTorch", "PyTorch, SGD", "dnsearch, SGD"),
    _start("AdamW: PyTorch", "PyTorch, AdamW", "dnsearch, AdamW"),
    _speed("dnsearch, SGD", "Keras, SGD", "training: dnsearch / stock Keras", 1.8),
    _speed("dnsearch, SGD", "Keras, no oneDNN", "training: dnsearch / stock Keras without oneDNN"),
    _speed("dnsearch, SGD", "PyTorch, SGD", "training: dnsearch / PyTorch", 1.0),
    _speed("dnsearch, SGD", "PyTorch, checkpointed", "training: dnsearch / checkpointed PyTorch"),
    _speed("dnsearch, evaluate", "Keras, predict", "evaluate: dnsearch / predict of stock Keras"),
    *(
        Comparison(
            f"an epoch, {what}: flips and crops / one batch",
            (f"feeding, {network}", "fed_seconds"),
            (f"feeding, {network}", "constant_seconds"),
            at_most=limit,
        )
        for what, network, limit in (("article", "article", 1.05), ("small on digits", "digits", 1.2))
    ),
    Comparison(
        "peak memory, BC-100-12: recompute / plain",
        ("recompute, 16 layers", PEAK),
        ("plain, 16 layers", PEAK),
        at_most=0.5,
    ),
    Comparison(
        "time of a step, BC-100-12: recompute / plain",
        ("recompute, 16 layers", STEP),
        ("plain, 16 layers", STEP),
        at_most=1.2,
    ),
    *(
        Comparison(
            f"processor time: dnsearch {command} / python -c pass",
            (f"dnsearch {command}", "command_seconds"),
            (f"dnsearch {command}", "bare_seconds"),
            at_most=limit,
        )
        for command, limit in (("--help", 8.0), ("leaderboard", 11.0), ("check", 14.0), ("inspect", 14.0))
    ),
    Comparison(
        "BC-100-12: a checkpoint saved / a step",
        ("checkpoint, BC-100-12", "save_seconds"),
        ("plain, 16 layers", STEP),
    ),
)

WORK, RACE = "work_seconds", "race_seconds"


def _work(what: str, rival: str, own: str, at_least: float | None = None) -> Comparison:
    return Comparison(f"12 trials of 5 epochs, digits: {what}", (rival, WORK), (own, WORK), at_least)


SEARCHES = (
    _work("Optuna + stock Keras / dnsearch", "Optuna", "dnsearch, 2 at once", 3.5),
    _work("KerasTuner / dnsearch", "KerasTuner", "dnsearch, 2 at once", 3.5),
    _work("Optuna + stock Keras / dnsearch, one at once", "Optuna", "dnsearch, 1 at once"),
    Comparison(
        "a preset against a search, until the search's best: dnsearch / KerasTuner",
        ("dnsearch, race", RACE),
        ("KerasTuner, race", RACE),
        at_most=0.1,
    ),
    Comparison(
        "a preset against a search, until 0.874: dnsearch / KerasTuner",
        ("dnsearch, race", "mark_seconds"),
        ("KerasTuner, race", "mark_seconds"),
        at_most=0.1,
    ),
    Comparison(
        "the preset until the search's best / all the time that the search had",
        ("dnsearch, race", RACE),
        ("KerasTuner, race", "allowed_seconds"),
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A comparison with its figures: medians over the rounds."""

    comparison: Comparison
    over: float
    under: float

    @property
    def ratio(self) -> float:
        return self.over / self.under

    @property
    def met(self) -> bool:
        """Whether the ratio is as wanted; without a wish it is."""
        low, high = self.comparison.at_least, self.comparison.at_most
        return (low is None or self.ratio >= low) and (high is None or self.ratio <= high)


def rows(measured: Measured, comparisons: Sequence[Comparison] = COMPARISONS) -> list[Row]:
    """The comparisons of which both jobs were measured."""
    return [
        Row(each, _median(measured, each.over), _median(measured, each.under))
        for each in comparisons
        if each.over[0] in measured and each.under[0] in measured
    ]


def _median(measured: Measured, of: tuple[str, str]) -> float:
    job, figure = of
    return statistics.median(figures[figure] for figures in measured[job])
