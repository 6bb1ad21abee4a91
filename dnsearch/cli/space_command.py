"""``dnsearch space``: how large a search space is, and how much of it can be tried."""

from collections.abc import Mapping, Sequence
from typing import Any

from typer import Option

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, SPECULATIONS, Json, NoLimits, Runs, Searched, Set
from dnsearch.evaluate.intervals import wilson
from dnsearch.report.units import count, duration, percent, short_count, size
from dnsearch.search.survey import Estimate, Survey

BINS, WIDTH = 10, 30
SHOWN = ("parameters", "macs", "training_memory_bytes")
SECONDS = 8.0  # for the samples; a space of large networks of which no two are alike gets fewer


def survey_json(found: Survey, estimated: Estimate | None, trials: int) -> dict[str, Any]:
    """Everything that is shown, as JSON."""
    low, high = wilson(found.feasible, found.samples)
    return {
        "configurations": found.extent.configurations if found.extent else None,
        "continuous": list(found.extent.continuous) if found.extent else None,
        "samples": found.samples,
        "feasible": found.feasible,
        "feasible_share": {"value": found.feasible / found.samples, "low": low, "high": high},
        "refused": dict(found.refused),
        "never_counts": list(found.never),
        "changes_nothing": list(found.idle),
        "costs": {name: _histogram(values) for name, values in found.costs.items()},
        "estimate": {
            "trials": trials,
            "trial_seconds": estimated.trial_seconds if estimated else None,
            "basis_runs": estimated.runs if estimated else 0,
        },
    }


def lines(found: Survey, bounds: Mapping[str, int]) -> list[str]:
    """The survey, line by line; where a constraint's bound lies in a histogram is marked."""
    low, high = wilson(found.feasible, found.samples)
    share = f"{percent(found.feasible / found.samples)} (95 %: {percent(low)} to {percent(high)})"
    reach = "more than can be counted"
    if found.extent is not None:
        continuous = ", ".join(found.extent.continuous)
        also = f", times the continuous {continuous}" if continuous else ""
        reach = f"{count(found.extent.configurations)} configurations{also}"
    return [
        f"space     {reach}",
        f"feasible  {share} of {count(found.samples)} even samples",
        *(f"  refused by {name}: {count(times)}" for name, times in found.refused.items() if times),
        *(f"never counts: {path}; its condition held in no sample" for path in found.never),
        *(f"changes nothing: {path}; remove it, or what makes it idle" for path in found.idle),
        *(line for name in SHOWN for line in _drawn(name, found.costs.get(name, ()), bounds.get(name))),
    ]


def time_line(estimated: Estimate | None, trials: int, workers: int) -> str:
    """What the trials may take together, and what that rests on."""
    if estimated is None:
        hint = "train one (dnsearch train SPEC), or name their folder with --runs"
        return f"time      no basis: no runs on these images by this machine; {hint}"
    whole, each = duration(trials * estimated.trial_seconds / workers), duration(estimated.trial_seconds)
    basis = f"scaled by multiply-adds and epochs from {estimated.runs} runs here"
    told = f"time      {trials} trials to their last epoch: about {whole}, {workers} at once"
    return f"{told} ({each} each; {basis}; less what is pruned)"


def _histogram(values: Sequence[int]) -> dict[str, list[int]]:
    """Edges (one more than counts) and counts of equally wide bins."""
    low, high = min(values), max(values)
    step = max(1, -(-(high - low + 1) // BINS))
    counts = [0] * BINS
    for value in values:
        counts[(value - low) // step] += 1
    return {"edges": [low + step * each for each in range(BINS + 1)], "counts": counts}


def _drawn(name: str, values: Sequence[int], bound: int | None) -> list[str]:
    if not values:
        return []
    found = _histogram(values)
    shown = size if name.endswith("bytes") else short_count
    most = max(found["counts"])
    rows = []
    for start, end, times in zip(found["edges"], found["edges"][1:], found["counts"], strict=False):
        bar = "━" * -(-times * WIDTH // most)
        mark = f"  ◀ at most {shown(bound)}" if bound is not None and start <= bound < end else ""
        rows.append(
            f"  {shown(start):>8} to {shown(end - 1):>8}  {bar:<{WIDTH}} {count(times):>7}{mark}".rstrip()
        )
    return [name, *rows]


def space(
    spec: Searched = SPECULATIONS,
    overrides: Set = None,
    samples: int = Option(10_000, min=1, max=1_000_000, help="Points of the space to draw."),
    trials: int | None = Option(None, min=1, help="Trials to estimate the time of. Left out: tune.trials."),
    workers: int = Option(1, min=1, help="Trials at once, for the time."),
    seed: int = Option(0, min=0, help="Equal seeds draw equal points."),
    runs: Runs = RUNS,
    no_limits: NoLimits = False,
    as_json: Json = False,
) -> None:
    """Measure a search space: its size, what is feasible, what its networks cost, how long trials take."""
    from dnsearch.environment import process_identity
    from dnsearch.front_door import planned_spec, search_spec
    from dnsearch.runs.scan import scan
    from dnsearch.search.survey import estimate, survey

    plan = planned_spec(spec, overrides, limits=not no_limits)
    searched = search_spec(plan, limits=not no_limits)
    found = survey(searched, samples, seed, SECONDS)
    records = scan([runs]).records if runs.is_dir() else []
    host = str(process_identity()["host"])
    estimated = estimate(records, plan.written.experiment, found.feasible_macs, host)
    wanted = trials or searched.tune.trials
    if as_json:
        console.show_json(survey_json(found, estimated, wanted))
        return
    for line in (*lines(found, searched.tune.constraints.bounds()), time_line(estimated, wanted, workers)):
        console.raw(line)
    if found.samples < samples:
        console.say(f"stopped after {SECONDS:g} s with {found.samples:,} of {samples:,} samples")
