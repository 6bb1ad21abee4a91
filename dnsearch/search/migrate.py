"""A study whose spec has changed: the trials that the new spec could have are kept, the others are set aside.

A second study is made under another name, with every trial under its old number, and marked when it is
complete; then it takes the place of the first one (``finish_migration``). A kill before the mark leaves the
old study as it was; after it, whoever opens the study next to write it finishes that first.
"""

import copy
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from dnsearch.errors import Problem, SpecError, StudyError
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import BEST, CONFIRM, trial_name, write_study
from dnsearch.search import study_metadata
from dnsearch.search.database import OPENING_TROUBLE, existing_storage, reachable, sqlite_file, storage
from dnsearch.search.duplicates import DROPPED
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import Request
from dnsearch.search.parameter_space import base_labels, check_base, distribution, values_of
from dnsearch.search.samplers import KNOWLEDGE
from dnsearch.search.study_identity import agreed_id
from dnsearch.search.study_lock import study_locked
from dnsearch.search.study_metadata import existing_study, finish_migration, migrated_name, write_metadata
from dnsearch.search.study_summary import summary
from dnsearch.search.transfer import ENQUEUED, asked, in_words, translated
from dnsearch.search.trial_store import BASE, INFEASIBLE, is_base, is_trial
from dnsearch.spec.document import settings
from dnsearch.spec.tune.search_space import counts

ASIDE = ".dropped"
"""Folder of the study for the folders of dropped trials; it is hidden, so the leaderboard passes over it."""
CONSTRAINTS = "constraints:"  # how their names begin among a trial's system attributes


@dataclass(frozen=True, slots=True)
class Migrated:
    """Trials that fit, number → why one does not, and how many infeasible proposals say nothing any more."""

    kept: tuple[int, ...]
    dropped: dict[int, str]
    forgotten: int


def migrate(request: Request, *, dry_run: bool) -> Migrated:
    """Bring a study to a changed spec, or only tell what that would do."""
    name, url, folder = request.folder.name, request.url, request.folder
    check_base(request.spec.document, request.spec.tune)
    if sqlite_file(url) is not None and not folder.is_dir():
        existing_study(url, name)  # to say what is missing, and to make no folder
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with study_locked(folder, url, request.say), reachable(url):
        finish_migration(existing_storage(url), name)
        study = existing_study(url, name)
        agreed_id(folder, study, url)
        before, after = study_metadata.read_metadata(study, url), request.spec
        _check_comparable(before, after)
        base = settings(before.document.experiment) != settings(after.document.experiment)
        rules = _refusing(before) != _refusing(after)
        trials = study.get_trials(deepcopy=False)
        moved = [_moved(trial, before, after, new_base=base, new_rules=rules) for trial in trials]
        if not dry_run:
            left = {study_metadata.SPEC, KNOWLEDGE, study_metadata.MIGRATED}
            kept = {key: each for key, each in study.user_attrs.items() if key not in left}
            _set_aside(request.folder, replaced(request, kept, moved))
    counted = {trial.number for trial in trials if is_trial(trial)}
    reasons = {number: each for number, each in enumerate(moved) if isinstance(each, str)}
    return Migrated(
        tuple(sorted(counted - reasons.keys())),
        {number: reason for number, reason in reasons.items() if number in counted},
        len(reasons.keys() - counted),
    )


def _check_comparable(before: SearchSpec, after: SearchSpec) -> None:
    for where, old, new in (
        ("tune.objectives", before.tune.objectives, after.tune.objectives),
        ("tune.select", before.tune.select, after.tune.select),
        ("tune.fidelity", before.tune.fidelity, after.tune.fidelity),
        ("match", before.document.experiment.match, after.document.experiment.match),
    ):
        if old != new:
            hint = "No trial's value would mean the same: give the changed search a name of its own."
            raise StudyError(str(Problem(where, f"{old}, as in the study", str(new), hint)))


def _refusing(spec: SearchSpec) -> tuple[object, ...]:
    return spec.tune.constraints, spec.tune.relations, spec.document.experiment.limits, spec.limits


def _moved(
    trial: FrozenTrial, before: SearchSpec, after: SearchSpec, *, new_base: bool, new_rules: bool
) -> FrozenTrial | str:
    """The trial in the changed spec's space; or why it does not fit."""
    if reason := trial.user_attrs.get(DROPPED):
        return str(reason)
    if INFEASIBLE in trial.user_attrs:
        same = before.tune.parameters == after.tune.parameters and not new_base and not new_rules
        return trial if same else "an infeasible proposal of the spec before"
    old = asked(trial, before)
    searched = before.tune.parameters.items()
    if not is_base(trial) and any(path not in old and counts(each, old) for path, each in searched):
        return "not all of its values had been proposed"
    try:
        labels, problems = translated(trial, before, after)
    except SpecError as error:
        return str(error)
    stays_base = is_base(trial) and not new_base
    if problems and not stays_base:
        return "; ".join(map(in_words, problems))
    new = copy.deepcopy(trial)
    if trial.state is TrialState.WAITING:
        new.system_attrs = {**new.system_attrs, ENQUEUED: labels}
    else:
        new.params = labels
        new.distributions = {path: distribution(after.tune.parameters[path]) for path in labels}
    if new_rules:
        values = {} if stays_base else values_of(labels, after.tune)
        judgement = after.judge(values, f"trial {trial.number}")
        if judgement.reasons:
            return "; ".join(f"{name}: {reason}" for name, reason in judgement.reasons.items())
        attributes = new.system_attrs.items()
        new.system_attrs = {key: each for key, each in attributes if not key.startswith(CONSTRAINTS)}
        for name, margin in judgement.margins.items():
            new.set_constraint(name, margin)
    if not stays_base:
        new.user_attrs = {key: each for key, each in new.user_attrs.items() if key != BASE}
    return new


def replaced(
    request: Request, attributes: Mapping[str, Any], moved: Iterable[FrozenTrial | str]
) -> optuna.Study:
    """Make a study anew under its name; a failed trial takes a dropped one's place, so that numbers stay."""
    name, experiment, tune = request.folder.name, request.spec.document.experiment, request.spec.tune
    with reachable(request.url, OPENING_TROUBLE):
        opened = storage(request.url)
        with suppress(KeyError):  # of a migration that was killed
            optuna.delete_study(study_name=migrated_name(name), storage=opened)
        new = study_metadata.open_study(opened, migrated_name(name), experiment, tune)
    for key, value in attributes.items():
        new.set_user_attr(key, value)
    write_metadata(new, request.spec, request.trials)
    placed = [
        create_trial(state=TrialState.FAIL, user_attrs={DROPPED: each}) if isinstance(each, str) else each
        for each in moved
    ]
    new.add_trials(placed)
    if placed and not any(BASE in each.user_attrs for each in placed):
        new.enqueue_trial(base_labels(request.spec.document, tune), user_attrs={BASE: True})
    new.set_user_attr(study_metadata.MIGRATED, True)
    finish_migration(opened, name)
    return optuna.load_study(study_name=name, storage=opened)


def _set_aside(folder: Path, study: optuna.Study) -> None:
    dropped = [each.number for each in study.get_trials(deepcopy=False) if DROPPED in each.user_attrs]
    places = [folder / trial_name(number) for number in dropped]
    places += [path for each in places for path in (folder / CONFIRM).glob(f"{each.name}-seed-*")]
    places += [folder / BEST] if dropped else []  # the next search writes it anew
    with writing(aside := folder / ASIDE):
        for place in filter(Path.exists, places):
            aside.mkdir(exist_ok=True)
            place.rename(aside / place.name)
    write_study(folder, summary(study, "ended"))
