"""What commands on a study have in common: what is asked for, where trials run, the search and its show.

``dnsearch tune``: search a spec's variants.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from dnsearch import environment
from dnsearch.cli import console
from dnsearch.cli.options import (
    RUNS,
    SEVERAL_MACHINES,
    Gpus,
    Json,
    NoLimits,
    Plain,
    Runs,
    Set,
    Storage,
    Study,
    Trials,
    Workers,
)

if TYPE_CHECKING:
    from dnsearch.search.messages import Executor, Request
    from dnsearch.spec.document import Document


class ExecutorKind(StrEnum):
    """Where trials are trained."""

    local = "local"
    ray = "ray"


def requested(
    spec: str,
    overrides: list[str] | None,
    place: tuple[Path, str | None],
    storage: str | None,
    trials: int | None,
    *,
    limits: bool,
) -> "Request":
    """What is asked for by a spec and its options; ``place``: the folder of runs and the study's name."""
    from dnsearch.cli.planning import planned_spec, tune_of
    from dnsearch.search.database import default_url
    from dnsearch.search.feasibility import SearchSpec
    from dnsearch.search.messages import Request

    found = planned_spec(spec, overrides, limits=limits)
    document, facts = found.written, found.facts
    search = tune_of(document, spec)
    folder = study_folder(*place, document.experiment.name)
    return Request(
        SearchSpec(document, search, facts.image_shape, facts.classes, limits),
        folder,
        storage or default_url(folder),
        trials or search.trials,
        workers=1,
        say=console.say,
    )


def study_folder(runs: Path, study: str | None, experiment: str) -> Path:
    """The study's folder; a spec that has been trained by hand has given its name to that run already."""
    from dnsearch.runs.folder import is_run

    folder = runs / (study or experiment)
    return runs / f"{experiment}-study" if study is None and is_run(folder) else folder


def placed(request: "Request", workers: int | None, gpus: str) -> "Request":
    """The request with what the command line says about the machine: trials at once, GPUs."""
    from dnsearch.search.local_executor import room

    named = tuple(filter(None, gpus.replace(" ", "").split(",")))
    at_once = workers or max(1, room(named, request.spec.tune.gpus_per_trial))
    return replace(request, workers=at_once, gpus=named)


def searched(request: "Request", kind: ExecutorKind, address: str | None, *, plain: bool) -> bool:
    """Do the search; returns whether a person stopped it."""
    from dnsearch.cli.live_view import live
    from dnsearch.cli.progress import counted
    from dnsearch.search.coordinator import search
    from dnsearch.search.messages import ProposalRefused

    refused: Counter[str] = Counter()
    told = ("letting the running trials end (Ctrl-C again stops them)…", "stopping the running trials…")
    with (
        counted(lambda count: console.say(told[count - 1])) as interrupts,
        _executor(request, kind, address) as executor,
        live(request, plain=plain) as tell,
    ):
        for event in search(request, interrupts, executor):
            tell(event)
            refused.update([*event.reasons] if isinstance(event, ProposalRefused) else ())
        stopped = interrupts() > 0
    if refused:
        by = ", ".join(f"{name} {count:,}" for name, count in refused.most_common())
        console.say(f"infeasible proposals, refused by: {by}")
    return stopped


@contextmanager
def _executor(request: "Request", kind: ExecutorKind, address: str | None) -> "Iterator[Executor]":
    match kind:
        case ExecutorKind.local:
            from dnsearch.search.local_executor import local_executor

            yield local_executor(request)
        case ExecutorKind.ray:
            environment.require("ray", "ray")
            from dnsearch.search.ray_executor import ray_executor

            with ray_executor(request, address) as executor:
                yield executor
        case _:
            assert_never(kind)


SPECULATIONS = "speculations"


def _gone(option: str) -> Callable[[typer.Context, object], None]:
    """What an option of earlier versions answers."""

    def refuse(_: typer.Context, value: object) -> None:
        if value not in {None, False}:
            raise typer.BadParameter(f"{option} is gone: {SEVERAL_MACHINES}")

    return refuse


def tune(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A YAML file with a tune section, or the name of a preset.")
    ] = SPECULATIONS,
    trials: Trials = None,
    workers: Workers = None,
    gpus: Gpus = "",
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Start no more trials after so long; those at work end, and another search can go on. Left "
            "out: tune.timeout_seconds.",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="End the search after so many trials that are no better. Left out: tune.patience.",
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            help="End the search when a trial reaches this validation score, such as 0.95. Left out: "
            "tune.target.",
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trials that keep checkpoints and weights: the best so many. Left out: tune.keep.",
        ),
    ] = None,
    enqueue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="A spec whose settings lie in the search space: it becomes the next trial, once. "
            "Can be given several times.",
        ),
    ] = None,
    from_study: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Another study, by name or folder: the sampler learns from its finished trials that lie in "
            "this search space. They do not become trials of this one.",
        ),
    ] = None,
    overrides: Set = None,
    runs: Runs = RUNS,
    study: Study = None,
    storage: Storage = None,
    executor: Annotated[
        ExecutorKind,
        typer.Option(help="Where trials are trained: processes of this machine, or tasks of a Ray cluster."),
    ] = ExecutorKind.local,
    address: Annotated[
        str | None,
        typer.Option(
            help="The Ray cluster: auto for the one that this machine is in, or HOST:PORT. Left out: a new "
            "one, of this machine alone.",
        ),
    ] = None,
    no_limits: NoLimits = False,
    plain: Plain = False,
    as_json: Json = False,
    create: Annotated[bool, typer.Option("--create", hidden=True, callback=_gone("--create"))] = False,
    artifacts: Annotated[str | None, typer.Option(hidden=True, callback=_gone("--artifacts"))] = None,
    engine: Annotated[str | None, typer.Option(hidden=True, callback=_gone("--engine"))] = None,
) -> None:
    """Search a spec's variants; run it again to continue. Without SPEC: the preset speculations.

    Example: [cyan]dnsearch tune --trials 50[/cyan]

    Ctrl-C once lets the running trials end; twice stops them, and the next search takes them up again.
    """
    request = requested(spec, overrides, (runs, study), storage, trials, limits=not no_limits)
    given = {"timeout_seconds": timeout, "patience": patience, "target": target, "keep": keep}
    changes = {field: value for field, value in given.items() if value is not None}
    tuned = request.spec.tune.model_copy(update=changes)
    searched_spec = replace(request.spec, tune=tuned)
    request = replace(request, spec=searched_spec, enqueue=tuple(map(_loaded, enqueue or ())))
    request = placed(request, workers, gpus)
    if from_study is not None:
        _learn(request, from_study, runs, storage)
    stopped = searched(request, executor, address, plain=plain)
    _show_outcome(request, as_json=as_json)
    if stopped:
        raise typer.Exit(130)


def _learn(request: "Request", name: str, runs: Path, storage: str | None) -> None:
    from dnsearch.search.transfer import learn, other_study

    study, url = other_study(name, runs, storage)
    taken, left = learn(request, study, url)
    console.say(f"the sampler learns from {taken} finished trials of study {study.study_name}")
    for reason, times in left.items():
        console.say(f"  {times} left out: {reason}")


def _loaded(spec: str) -> "Document":
    from dnsearch.spec.document import load

    return load(spec)


def _show_outcome(request: "Request", *, as_json: bool) -> None:
    from dnsearch.cli.leaderboard_command import View, read, show
    from dnsearch.report.formats import as_json as listed

    found, view = read([request.folder]), View()
    if as_json:
        console.show_json(listed(view.rows(found)))
    else:
        show(found, view, "table")
    best = request.folder / "best.yaml"
    if best.exists():
        console.say(f"best network: {best}\nnext: dnsearch train {best}")
