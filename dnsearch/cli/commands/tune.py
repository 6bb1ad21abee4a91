"""``dnsearch tune``: search a spec's variants."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, NoLimits, Plain, Runs, Set, Storage, Study

if TYPE_CHECKING:
    from dnsearch.spec.document import Document
    from dnsearch.study.request import Request

SPECULATIONS = "speculations"


def tune(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A YAML file with a tune section, or the name of a preset.")
    ] = SPECULATIONS,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Ended trials that the study shall have in all. Left out: tune.trials.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trials at once; the processor's threads are divided among them. Left out: 1, or as many as "
            "the cards of --gpus have room for.",
            show_default=False,
        ),
    ] = None,
    gpus: Annotated[
        str,
        typer.Option(
            metavar="CARDS",
            help="Graphics cards to place trials on, such as 0,1, in nvidia-smi's numbers; each trial gets "
            "tune.gpus_per_trial of them. Left out: TensorFlow's choice.",
            show_default=False,
        ),
    ] = "",
    keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trials that keep checkpoints and weights: the best so many. Left out: tune.keep.",
            show_default=False,
        ),
    ] = None,
    enqueue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="A spec whose settings lie in the search space: it becomes the next trial, once. "
            "Can be given several times.",
            show_default=False,
        ),
    ] = None,
    overrides: Set = None,
    runs: Runs = RUNS,
    study: Study = None,
    storage: Storage = None,
    no_limits: NoLimits = False,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Search a spec's variants; run it again to go on. Without SPEC: the article's speculations, on digits.

    Example: [cyan]dnsearch tune --trials 50[/cyan]

    Ctrl-C once lets the running trials end; twice stops them, and the next search takes them up again.
    """
    request = _request(spec, overrides, (runs, study), storage, trials, limits=not no_limits)
    request = _placed(request, workers, tuple(filter(None, gpus.replace(" ", "").split(","))), keep)
    request = replace(request, enqueue=tuple(map(_loaded, enqueue or ())))
    stopped = _searched(request, plain=plain)
    _show_outcome(request, as_json=as_json)
    if stopped:
        raise typer.Exit(130)


def _request(
    spec: str,
    overrides: list[str] | None,
    place: tuple[Path, str | None],
    storage: str | None,
    trials: int | None,
    *,
    limits: bool,
) -> "Request":
    from dnsearch.cli.planning import planned
    from dnsearch.errors import Problem, SpecError
    from dnsearch.study.database import default_url
    from dnsearch.study.request import Request

    found = planned(spec, overrides, limits=limits)
    document, facts = found.written, found.facts
    search = document.experiment.tune
    if search is None:
        raise SpecError(
            [
                Problem(
                    "tune",
                    f"{spec} has no tune section",
                    hint="Add tune: with parameters: to search, as in dnsearch init --preset speculations.",
                )
            ]
        )
    folder = _folder(*place, document.experiment.name)
    return Request(
        document,
        search,
        facts.image_shape,
        facts.classes,
        folder,
        storage or default_url(folder),
        trials or search.trials,
        workers=1,
        limits=limits,
    )


def _placed(request: "Request", workers: int | None, cards: tuple[str, ...], keep: int | None) -> "Request":
    """The request with what the command line says about the machine: trials at once, cards, room."""
    from dnsearch.study.placement import room

    tune = request.tune if keep is None else request.tune.model_copy(update={"keep": keep})
    at_once = workers or max(1, room(cards, tune.gpus_per_trial))
    return replace(request, tune=tune, workers=at_once, cards=cards)


def _loaded(spec: str) -> "Document":
    from dnsearch.spec.document import load

    return load(spec)


def _folder(runs: Path, study: str | None, experiment: str) -> Path:
    """The study's folder; a spec that has been trained by hand has given its name to that run already."""
    from dnsearch.records.find import is_run

    folder = runs / (study or experiment)
    return runs / f"{experiment}-study" if study is None and is_run(folder) else folder


def _searched(request: "Request", *, plain: bool) -> bool:
    """Do the search; says whether a person stopped it."""
    from dnsearch.cli.interrupts import counted
    from dnsearch.cli.live import live
    from dnsearch.study.search import search

    said = ("letting the running trials end (Ctrl-C again stops them)…", "stopping the running trials…")
    with (
        counted(lambda count: console.say(said[count - 1])) as interrupts,
        live(request, plain=plain) as tell,
    ):
        for event in search(request, interrupts):
            tell(event)
        return interrupts() > 0


def _show_outcome(request: "Request", *, as_json: bool) -> None:
    from dnsearch.board.formats import as_json as listed
    from dnsearch.cli.boards import View, read, show

    found, view = read([request.folder]), View()
    if as_json:
        console.show_json(listed(view.rows(found)))
    else:
        show(found, view, "table")
    best = request.folder / "best.yaml"
    if best.exists():
        console.say(f"best network: {best}\nnext: dnsearch train {best}")
