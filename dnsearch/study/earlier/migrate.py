"""A study whose spec has changed: the trials that the new spec could have are kept, the others are set aside.

A second study is made beside the first, with every trial under its old number; then the two swap their names
in one step. Who dies before that leaves the old study as it was. Who dies after it leaves the new one, and
the next migration moves the folders of dropped trials and removes the old book.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import optuna

from dnsearch.errors import Problem, StudyError
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.study_record import write_study
from dnsearch.study.book.database import clock, reachable, storage
from dnsearch.study.book.leases import found, is_alive
from dnsearch.study.book.ledger import BASE, DROPPED
from dnsearch.study.book.storage import SPEC, existing_study, open_study
from dnsearch.study.book.terms import Terms, keep, read
from dnsearch.study.book.turns import exclusive
from dnsearch.study.confirmed import FOLDER as CONFIRM
from dnsearch.study.earlier.moving import Move, move
from dnsearch.study.facts.summary import summary
from dnsearch.study.request import Request
from dnsearch.study.sampling.samplers import KNOWLEDGE
from dnsearch.study.sampling.space import base_labels
from dnsearch.study.sampling.within import check_placed
from dnsearch.study.work.outcome import BEST

ASIDE = ".dropped"
"""Folder of the study for what dropped trials left behind; who looks for runs passes over hidden ones."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of a study's trials.

    Args:
        kept: numbers of those that are trials of the new spec.
        dropped: number → why it is none.
        forgotten: infeasible proposals of the old spec that say nothing of the new one.
    """

    kept: tuple[int, ...]
    dropped: dict[int, str]
    forgotten: int


def migrate(request: Request, *, dry_run: bool) -> Migrated:
    """Bring a study to a changed spec.

    Args:
        request: the study, and what it shall be about.
        dry_run: change nothing.

    Raises:
        StudyError: there is no such study, or somebody is at work on it, or the new spec searches for
            something else, or its sampler cannot do such a spec.
        RunError: a trial's folder cannot be moved.
    """
    name, url = request.folder.name, request.url
    check_placed(request.document, request.tune)
    with reachable(url), exclusive(url, name):
        study = existing_study(url, name)
        terms = read(study)
        _comparable(terms, request)
        _idle(study, request)
        moves = [move(trial, terms, request) for trial in study.get_trials(deepcopy=False)]
        if not dry_run:
            _rewrite(study, moves, request)
            _set_aside(request)
    dropped = {number: each.dropped for number, each in enumerate(moves) if each.dropped and each.counted}
    return Migrated(
        tuple(number for number, each in enumerate(moves) if not each.dropped and each.counted),
        dropped,
        sum(bool(each.dropped) and not each.counted for each in moves),
    )


def _comparable(terms: Terms, request: Request) -> None:
    """See to it that trials are worth in the new study what they were worth in the old one."""
    match_before, match_after = terms.document.experiment.match, request.document.experiment.match
    for where, before, after in (
        ("tune.objectives", terms.tune.objectives, request.tune.objectives),
        ("tune.select", terms.tune.select, request.tune.select),
        ("tune.fidelity", terms.tune.fidelity, request.tune.fidelity),
        ("match", match_before, match_after),
    ):
        if before != after:
            hint = "No trial would be worth what it was: give the changed search a name of its own."
            raise StudyError(str(Problem(where, f"{before}, as in the study", str(after), hint)))


def _idle(study: optuna.Study, request: Request) -> None:
    now = clock(request.url)()
    at_work = [
        trial.number
        for trial in study.get_trials(deepcopy=False)
        if not trial.state.is_finished()
        and (
            is_alive(found(trial.user_attrs), now)
            or RunFolder(request.folder / trial_name(trial.number)).is_locked()
        )
    ]
    if at_work or RunFolder(request.folder).is_locked():
        who = f"trials at work: {', '.join(map(str, at_work))}" if at_work else "a search"
        hint = "Stop its searches and workers first (Ctrl-C); what waits at a rung stays waiting."
        raise StudyError(str(Problem(f"study {study.study_name}", "nobody at work on it", who, hint)))


def _rewrite(study: optuna.Study, moves: list[Move], request: Request) -> None:
    """Make the new study beside the old one, and let it take the old one's name."""
    name, url = request.folder.name, request.url
    making, before = f"{name}~making", f"{name}~before"  # no name that a person can give
    for leftover in (making, before):
        _forget(leftover, url)
    new = open_study(url, making, request.document.experiment, request.tune)
    for key, value in study.user_attrs.items():
        if key not in {SPEC, KNOWLEDGE}:
            new.set_user_attr(key, value)
    keep(new, request.terms)
    new.add_trials(each.trial for each in moves)
    if moves and not any(BASE in each.trial.user_attrs for each in moves):
        new.enqueue_trial(base_labels(request.document, request.tune), user_attrs={BASE: True})
    storage(url).swap(name, new=making, old=before)
    _forget(before, url)


def _forget(name: str, url: str) -> None:
    with suppress(KeyError):
        optuna.delete_study(study_name=name, storage=storage(url))


def _set_aside(request: Request) -> None:
    """Move what dropped trials left behind out of sight, and say in ``study.json`` what there is now."""
    study, folder = existing_study(request.url, request.folder.name), request.folder
    if not folder.is_dir():
        return
    dropped = [trial.number for trial in study.get_trials(deepcopy=False) if DROPPED in trial.user_attrs]
    places = [folder / trial_name(number) for number in dropped]
    places += [path for each in places for path in (folder / CONFIRM).glob(f"{each.name}-seed-*")]
    places += [folder / BEST] if dropped else []  # the next search writes it anew
    with writing(folder / ASIDE):
        (folder / ASIDE).mkdir(exist_ok=True)
        for place in filter(Path.exists, places):
            place.rename(folder / ASIDE / place.name)
    write_study(folder, summary(study, "ended"))
