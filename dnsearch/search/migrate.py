"""A study whose spec has changed: the trials that the new spec could have are kept, the others are set aside.

A second study is made under another name, with every trial under its old number, and marked when it is
complete; then it takes the place of the first one (``study_metadata.finish_migration``). A kill before the
mark leaves the old study as it was. After the mark, whoever opens the study next to write it finishes that
first; the next migration also moves the folders of dropped trials.
"""

import copy
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from dnsearch.errors import Problem, SpecError, StudyError
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import trial_name, write_study
from dnsearch.search.confirm import BEST, CONFIRM
from dnsearch.search.database import reachable, sqlite_file, storage
from dnsearch.search.feasibility import Judge
from dnsearch.search.parameter_space import (
    base_labels,
    check_base,
    distribution,
    known_labels,
    misfits,
    same_labels,
    spec_of,
    values_of,
)
from dnsearch.search.request import Request
from dnsearch.search.samplers import KNOWLEDGE
from dnsearch.search.study_lock import study_locked
from dnsearch.search.study_metadata import (
    MIGRATED,
    SPEC,
    StudyMetadata,
    existing_study,
    finish_migration,
    migrated_name,
    open_study,
    read_metadata,
    write_metadata,
)
from dnsearch.search.study_summary import summary
from dnsearch.search.trial_store import BASE, DROPPED, INFEASIBLE, is_base, is_trial
from dnsearch.spec.document import settings
from dnsearch.spec.tune.parameters import Label
from dnsearch.spec.tune.search_space import counts

ASIDE = ".dropped"
"""Folder of the study for the folders of dropped trials; it is hidden, so the leaderboard passes over it."""
CONSTRAINTS = "constraints:"
"""How the names of a trial's constraints begin among its system attributes."""
ENQUEUED = "fixed_params"
"""Where Optuna keeps the labels of a trial that was enqueued, among its system attributes."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """The result of a migration.

    Args:
        kept: numbers of the trials that fit the new spec.
        dropped: number → why it does not.
        forgotten: infeasible proposals of the old spec that say nothing about the new one.
    """

    kept: tuple[int, ...]
    dropped: dict[int, str]
    forgotten: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a study was about, and what it shall be about."""

    before: StudyMetadata
    after: StudyMetadata

    @property
    def base(self) -> bool:
        """Whether the base spec has other settings."""
        return settings(self.before.document.experiment) != settings(self.after.document.experiment)

    @property
    def rules(self) -> bool:
        """Whether proposals are refused by other rules."""

        def rules(of: StudyMetadata) -> tuple[object, ...]:
            return of.tune.constraints, of.tune.relations, of.document.experiment.limits, of.limits

        return rules(self.before) != rules(self.after)


def migrate(request: Request, *, dry_run: bool) -> Migrated:
    """Bring a study to a changed spec.

    Args:
        request: the study, and what it shall be about.
        dry_run: change nothing.

    Raises:
        StudyError: there is no such study, or another process searches it, or the new spec searches for
            something else, or its sampler cannot do such a spec.
        RunError: a trial's folder cannot be moved.
    """
    name, url, folder = request.folder.name, request.url, request.folder
    check_base(request.document, request.tune)
    if sqlite_file(url) is not None and not folder.is_dir():
        existing_study(url, name)  # to say what is missing, and to make no folder
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with study_locked(folder, url, request.say), reachable(url):
        finish_migration(url, name)
        study = existing_study(url, name)
        change = Change(read_metadata(study, url), request.metadata)
        _check_comparable(change)
        trials = study.get_trials(deepcopy=False)
        moved = [_moved(trial, change) for trial in trials]
        if not dry_run:
            _replace(study, moved, request)
            _set_aside(request)
    counted = [is_trial(trial) for trial in trials]
    reasons = {number: each for number, each in enumerate(moved) if isinstance(each, str)}
    return Migrated(
        tuple(number for number, counts in enumerate(counted) if counts and number not in reasons),
        {number: reason for number, reason in reasons.items() if counted[number]},
        sum(not counted[number] for number in reasons),
    )


def _check_comparable(change: Change) -> None:
    """Refuse a change after which a trial's values would mean something else."""
    before, after = change.before, change.after
    for where, old, new in (
        ("tune.objectives", before.tune.objectives, after.tune.objectives),
        ("tune.select", before.tune.select, after.tune.select),
        ("tune.fidelity", before.tune.fidelity, after.tune.fidelity),
        ("match", before.document.experiment.match, after.document.experiment.match),
    ):
        if old != new:
            hint = "No trial's value would mean the same: give the changed search a name of its own."
            raise StudyError(str(Problem(where, f"{old}, as in the study", str(new), hint)))


def _moved(trial: FrozenTrial, change: Change) -> FrozenTrial | str:
    """The trial in the changed spec's space; or why it does not fit."""
    before, after = change.before, change.after
    if reason := trial.user_attrs.get(DROPPED):
        return str(reason)
    if INFEASIBLE in trial.user_attrs:
        same = before.tune.parameters == after.tune.parameters and not change.base and not change.rules
        return trial if same else "an infeasible proposal of the spec before"
    asked = trial.system_attrs.get(ENQUEUED, {}) if trial.state is TrialState.WAITING else trial.params
    labels, document = known_labels(asked, before.tune), before.document
    if not is_base(trial):
        searched = before.tune.parameters.items()
        if not all(path in labels for path, each in searched if counts(each, labels)):
            return "not all of its values had been proposed"
        try:
            document = spec_of(labels, before.document, before.tune, f"trial {trial.number}")
        except SpecError as error:
            return str(error)
    stays_base = is_base(trial) and not change.base
    own = {**base_labels(document, after.tune), **same_labels(labels, before.tune, after.tune)}
    problems = [] if stays_base else list(misfits(document, own, after.document, after.tune, ""))
    if problems:
        return "; ".join(f"{each.where}: expected {each.expected}, found {each.found}" for each in problems)
    margins = None
    if change.rules:
        judge = Judge(after.document, after.tune, after.image_shape, after.classes, after.limits)
        values = {} if stays_base else values_of(own, after.tune)
        judgement = judge.of(values, f"trial {trial.number}")
        if judgement.reasons:
            return "; ".join(f"{name}: {reason}" for name, reason in judgement.reasons.items())
        margins = judgement.margins
    rewritten = _rewritten(trial, own, after, margins)
    if not stays_base:
        rewritten.user_attrs = {key: each for key, each in rewritten.user_attrs.items() if key != BASE}
    return rewritten


def _rewritten(
    trial: FrozenTrial, labels: dict[str, Label], after: StudyMetadata, margins: Mapping[str, float] | None
) -> FrozenTrial:
    """The trial with its new labels and distributions, and new constraints if it was judged again."""
    new = copy.deepcopy(trial)
    if trial.state is TrialState.WAITING:
        new.system_attrs = {**new.system_attrs, ENQUEUED: labels}
    else:
        new.params = labels
        new.distributions = {path: distribution(after.tune.parameters[path]) for path in labels}
    if margins is not None:
        others = {key: each for key, each in new.system_attrs.items() if not key.startswith(CONSTRAINTS)}
        new.system_attrs = {**others, **{f"{CONSTRAINTS}{name}": each for name, each in margins.items()}}
    return new


def _replace(study: optuna.Study, moved: Sequence[FrozenTrial | str], request: Request) -> None:
    """Make the new study under another name, complete it, and let it take the old one's place."""
    name, url = request.folder.name, request.url
    with suppress(KeyError):  # of a migration that was killed
        optuna.delete_study(study_name=migrated_name(name), storage=storage(url))
    new = open_study(url, migrated_name(name), request.document.experiment, request.tune)
    for key, value in study.user_attrs.items():
        if key not in {SPEC, KNOWLEDGE, MIGRATED}:
            new.set_user_attr(key, value)
    write_metadata(new, request.metadata)
    placed = [_placeholder(each) if isinstance(each, str) else each for each in moved]
    new.add_trials(placed)
    if placed and not any(BASE in each.user_attrs for each in placed):
        new.enqueue_trial(base_labels(request.document, request.tune), user_attrs={BASE: True})
    new.set_user_attr(MIGRATED, True)
    finish_migration(url, name)


def _placeholder(reason: str) -> FrozenTrial:
    """What takes a dropped trial's place in the storage, so that the others keep their numbers."""
    return create_trial(state=TrialState.FAIL, user_attrs={DROPPED: reason})


def _set_aside(request: Request) -> None:
    """Move the folders of dropped trials out of sight, and bring ``study.json`` up to date."""
    study, folder = existing_study(request.url, request.folder.name), request.folder
    dropped = [each.number for each in study.get_trials(deepcopy=False) if DROPPED in each.user_attrs]
    places = [folder / trial_name(number) for number in dropped]
    places += [path for each in places for path in (folder / CONFIRM).glob(f"{each.name}-seed-*")]
    places += [folder / BEST] if dropped else []  # the next search writes it anew
    with writing(folder / ASIDE):
        for place in filter(Path.exists, places):
            (folder / ASIDE).mkdir(exist_ok=True)
            place.rename(folder / ASIDE / place.name)
    write_study(folder, summary(study, "ended"))
