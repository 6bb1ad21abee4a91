"""What a comparison has found: its arms, each contrast's verdict, and what the test images say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from dnsearch.compare.design import Design, PairedRun
from dnsearch.compare.frozen_plan import PLAN, Plan, frozen_plan
from dnsearch.compare.running import Records, resplit_of, scores_of
from dnsearch.compare.statistics import mean_difference, over_seeds_and_images
from dnsearch.compare.verdict import Contrast, sentence, verdicts
from dnsearch.errors import Problem, RunError
from dnsearch.evaluate.intervals import Figure, mean_over_seeds
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.hits import Hits, read_hits
from dnsearch.runs.record import RunRecord


@dataclass(frozen=True, slots=True)
class ArmResult:
    """An arm over its pairs: figures are means in points, seconds and bytes are of a training."""

    name: str
    values: Mapping[str, Any]
    learning_rate: float
    growth_rate: Any
    validation: Figure
    test: Figure | None
    parameters: int
    macs: int
    wall_seconds: float
    peak_memory_bytes: int
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """All that a comparison has to say.

    Args:
        metric: accuracy, or mean IoU of a U-Net; all figures are in points of it.
        test: arm → its difference from the baseline on the test images, with an interval over other seeds and
            other images; empty where there are none.
        sentences: the verdicts as a person would say them, and where the test images disagree.
    """

    name: str
    folder: str
    metric: str
    baseline: str
    match: str
    margin: float
    pairs: int
    plan: Plan
    arms: tuple[ArmResult, ...]
    contrasts: tuple[Contrast, ...]
    test: Mapping[str, Figure]
    sentences: tuple[str, ...]


def result(design: Design, folder: Path) -> Result:
    """The result of a comparison whose pairs have all ended, from their records alone."""
    if (plan := frozen_plan(folder, design)) is None:
        raise RunError(str(Problem(str(folder / PLAN), "the plan of a comparison", "none")))
    runs = design.pairs(plan.pairs, plan.rates)
    records = {run.place: RunFolder(folder / run.place).read() for run in runs}
    resplit = resplit_of(folder, design, runs)
    contrasts = verdicts(scores_of(runs, records), design.contrasts, design.compare.margin, resplit)
    test = _test(design, runs, records, folder)
    told = [sentence(each, design.compare.match) for each in contrasts]
    told += [line for each in contrasts if each.arm in test for line in _disagreement(each, test[each.arm])]
    first = next(iter(records.values()))
    return Result(
        name=folder.name,
        folder=str(folder),
        metric="mean IoU" if first.last and first.last.mean_iou is not None else "accuracy",
        baseline=design.arms[0].name,
        match=design.compare.match,
        margin=design.compare.margin,
        pairs=plan.pairs,
        plan=plan,
        arms=tuple(_arm(design, arm.name, runs, records) for arm in design.arms),
        contrasts=tuple(contrasts),
        test=test,
        sentences=tuple(told),
    )


def _arm(design: Design, name: str, runs: Sequence[PairedRun], records: Records) -> ArmResult:
    (arm,) = (arm for arm in design.arms if arm.name == name)
    own = _runs_of(name, runs)
    found = [records[run.place] for run in own]
    experiment, cost = own[0].planned.experiment, arm.planned.summary.cost
    return ArmResult(
        name=name,
        values=arm.values,
        learning_rate=experiment.training.learning_rate,
        growth_rate=experiment.network.growth_rate,
        validation=mean_over_seeds([100 * each.last.score for each in found if each.last]),
        test=mean_over_seeds(scores) if len(scores := _test_scores(found)) == len(found) else None,
        parameters=cost.trainable,
        macs=cost.macs,
        wall_seconds=fmean(each.wall_seconds for each in found),
        peak_memory_bytes=max(each.peak_memory_bytes or 0 for each in found),
        runs=tuple(str(run.place) for run in own),
    )


def _runs_of(arm: str, runs: Sequence[PairedRun]) -> list[PairedRun]:
    return sorted((run for run in runs if run.arm == arm), key=lambda run: run.number)


def _test_scores(records: Sequence[RunRecord]) -> list[float]:
    return [100 * record.test.score for record in records if record.test]


def _test(design: Design, runs: Sequence[PairedRun], records: Records, folder: Path) -> dict[str, Figure]:
    """Arm → its difference from the baseline on the test images; pixels have an interval over seeds alone."""
    if not all(record.test for record in records.values()):
        return {}
    hits = {run.place: read_hits(RunFolder(folder / run.place).hits).get("test") for run in runs}
    found = {}
    for contrast in design.contrasts:
        arms = [_runs_of(name, runs) for name in contrast]
        known = [[_bits(each) for run in own if (each := hits[run.place])] for own in arms]
        if all(len(each) == len(own) for each, own in zip(known, arms, strict=True)):
            found[contrast[0]] = over_seeds_and_images(*map(np.array, known))
        else:
            arm, baseline = (_test_scores([records[run.place] for run in own]) for own in arms)
            found[contrast[0]] = mean_difference(np.subtract(arm, baseline))
    return found


def _bits(hits: Hits) -> NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(hits.bits, np.uint8), count=hits.examples).astype(np.bool_)


def _disagreement(found: Contrast, test: Figure) -> list[str]:
    """Where the test images say something else than the verdict, in words."""
    match found.verdict:
        case "better" | "worse":
            other = test.value * found.difference.value < 0
        case "equivalent":
            other = abs(test.value) > found.margin
        case "undecided":
            other = False
        case _:
            assert_never(found.verdict)
    said = f"on the test images {found.arm} differs from {found.other} by {test.value:+.2f} points"
    return [f"but {said} (95 % {test.low:.2f} to {test.high:.2f})"] if other else []
