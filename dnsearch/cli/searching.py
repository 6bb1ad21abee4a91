"""What commands on a study have in common: what is asked for, where trials run, the search and its show."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from dnsearch import runtime
from dnsearch.cli import console

if TYPE_CHECKING:
    from dnsearch.study.request import Request
    from dnsearch.study.work.messages import SearchEvent


class Engine(StrEnum):
    """What runs the trials."""

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
    from dnsearch.cli.planning import planned, tune_of
    from dnsearch.study.book.database import default_url
    from dnsearch.study.request import Request

    found = planned(spec, overrides, limits=limits)
    document, facts = found.written, found.facts
    search = tune_of(document, spec)
    folder = study_folder(*place, document.experiment.name)
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


def study_folder(runs: Path, study: str | None, experiment: str) -> Path:
    """The study's folder; a spec that has been trained by hand has given its name to that run already."""
    from dnsearch.records.find import is_run

    folder = runs / (study or experiment)
    return runs / f"{experiment}-study" if study is None and is_run(folder) else folder


def placed(request: "Request", workers: int | None, gpus: str) -> "Request":
    """The request with what the command line says about the machine: trials at once, cards."""
    from dnsearch.study.work.placement import room

    cards = tuple(filter(None, gpus.replace(" ", "").split(",")))
    at_once = workers or max(1, room(cards, request.tune.gpus_per_trial))
    return replace(request, workers=at_once, cards=cards)


def searched(
    request: "Request", engine: Engine = Engine.local, address: str | None = None, *, plain: bool
) -> bool:
    """Do the search; says whether a person stopped it."""
    from dnsearch.cli.interrupts import counted
    from dnsearch.cli.live import live
    from dnsearch.study.work.messages import ProposalRefused

    refused: Counter[str] = Counter()
    said = ("letting the running trials end (Ctrl-C again stops them)…", "stopping the running trials…")
    with (
        counted(lambda count: console.say(said[count - 1])) as interrupts,
        live(request, plain=plain) as tell,
    ):
        for event in _events(request, engine, address, interrupts):
            tell(event)
            refused.update([*event.reasons] if isinstance(event, ProposalRefused) else ())
        stopped = interrupts() > 0
    if refused:
        said_by = ", ".join(f"{name} {count:,}" for name, count in refused.most_common())
        console.say(f"infeasible proposals, refused by: {said_by}")
    return stopped


def _events(
    request: "Request", engine: Engine, address: str | None, interrupts: Callable[[], int]
) -> "Iterator[SearchEvent]":
    if engine is Engine.ray:
        runtime.require("ray", "ray")
        from dnsearch.study.ray_engine import search_on_ray

        return search_on_ray(request, address, interrupts)
    from dnsearch.study.search import search

    return search(request, interrupts)
