"""``dnsearch space``: how large a search space is, and how much of it can be tried."""

from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, NoLimits, Runs, Set

SECONDS = 8.0
"""Time for the samples; a space of large networks of which no two are alike gets fewer."""


def space(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A YAML file with a tune section, or the name of a preset.")
    ] = "speculations",
    overrides: Set = None,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="Points of the space to draw.")] = 10_000,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1, help="Trials to estimate the time of. Left out: tune.trials.", show_default=False
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials at once, for the time.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds draw equal points.")] = 0,
    runs: Runs = RUNS,
    no_limits: NoLimits = False,
    as_json: Json = False,
) -> None:
    """Measure a search space: its size, what is feasible, what its networks cost, how long trials take.

    Example: [cyan]dnsearch space speculations --trials 50[/cyan]
    """
    from dnsearch.cli import space_view
    from dnsearch.cli.planning import planned, tune_of
    from dnsearch.records.scan import scan
    from dnsearch.runtime import process_identity
    from dnsearch.study.sampling.estimate import estimate
    from dnsearch.study.sampling.feasibility import Judge
    from dnsearch.study.sampling.survey import survey

    plan = planned(spec, overrides, limits=not no_limits)
    document, tune = plan.written, tune_of(plan.written, spec)
    judge = Judge(document, tune, plan.facts.image_shape, plan.facts.classes, limits=not no_limits)
    found = survey(judge, samples, seed, SECONDS)
    records = scan([runs]).records if runs.is_dir() else []
    host = str(process_identity()["host"])
    estimated = estimate(records, document.experiment, found.feasible_macs, host)
    wanted = trials or tune.trials
    if as_json:
        console.show_json(space_view.as_json(found, estimated, wanted))
        return
    said = [
        *space_view.lines(found, tune.constraints.bounds()),
        space_view.time_line(estimated, wanted, workers),
    ]
    console.raw("\n".join(said))
    if found.samples < samples:
        console.say(f"stopped after {SECONDS:g} s with {found.samples:,} of {samples:,} samples")
