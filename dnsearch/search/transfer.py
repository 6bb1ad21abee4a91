"""Trials that come from elsewhere: specs that a person enqueues, and another study's finished trials.

What a sampler learns from another study is in a user attribute that the sampler alone looks at, so that
nothing counts, ranks or shows it.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch.errors import Problem, SpecError, StudyError
from dnsearch.search.database import default_url, shown, sqlite_file
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import Request
from dnsearch.search.parameter_space import base_labels, misfits, values_of
from dnsearch.search.samplers import KNOWLEDGE
from dnsearch.search.study_metadata import existing_study, read_metadata, setting
from dnsearch.search.trial_store import TrialStore, is_base, writable
from dnsearch.spec.tree import overlap
from dnsearch.spec.tune import SAMPLERS
from dnsearch.spec.tune.parameters import Label, exact

ENQUEUED = "fixed_params"
"""Where Optuna keeps the labels of a trial that was enqueued, among its system attributes."""


def enqueue(request: Request, store: TrialStore) -> None:
    """Enqueue the request's specs, but what was there before; none if one is outside of the search space."""
    specs, problems = list[dict[str, Label]](), list[Problem]()
    for document in request.enqueue:
        specs.append(base_labels(document, store.tune))
        hint = f"--enqueue {document.experiment.name}"
        problems += misfits(document, specs[-1], store.document, store.tune, hint)
    if problems:
        raise StudyError("\n\n".join(map(str, problems)))
    if specs:
        store.enqueue(specs)


def asked(trial: FrozenTrial, spec: SearchSpec) -> dict[str, Label]:
    """The labels that a search asked of a trial, without what arithmetic has added to them."""
    params = trial.system_attrs.get(ENQUEUED, {}) if trial.state is TrialState.WAITING else trial.params
    return {path: exact(spec.tune.parameters[path], label) for path, label in params.items()}


def translated(
    trial: FrozenTrial, before: SearchSpec, after: SearchSpec
) -> tuple[dict[str, Label], list[Problem]]:
    """A trial's labels in another search's space, and what keeps it from being a trial of that search."""
    labels, document = asked(trial, before), before.document
    if not is_base(trial):
        document = document.with_values(values_of(labels, before.tune), f"trial {trial.number}")
    there = after.tune.parameters
    alike = {path: each for path, each in labels.items() if there.get(path) == before.tune.parameters[path]}
    labels = {**base_labels(document, after.tune), **alike}
    return labels, list(misfits(document, labels, after.document, after.tune, ""))


def in_words(problem: Problem) -> str:
    """A problem on one line."""
    return f"{problem.where}: expected {problem.expected}, found {problem.found}"


def _place(study: optuna.Study, url: str) -> str:
    """Where a study is, the same whatever way its database is written."""
    file = sqlite_file(url)
    return f"{shown(url) if file is None else file.resolve()} {study.study_name}"


def other_study(name: str, runs: Path, storage: str | None) -> tuple[optuna.Study, str]:
    """Another study and its database, by its name or folder; ``storage``: the one if its folder has none."""
    for folder in (Path(name), runs / name):
        if (folder / "study.db").is_file():
            url = default_url(folder)
            return existing_study(url, folder.resolve().name), url
    url = storage or default_url(runs / name)
    return existing_study(url, Path(name).name), url


def learn(request: Request, other: optuna.Study, url: str) -> tuple[int, dict[str, int]]:
    """Let a study's sampler learn from another's finished trials, in place of what it learnt from it before.

    Returns from how many it learns, and why others were left out → how many.
    """
    with writable(request) as store:
        where = _place(other, url)
        _check(store, other, is_same=where == _place(store.study, request.url))
        before = read_metadata(other, url)
        lessons: list[dict[str, Any]] = []
        left: Counter[str] = Counter()
        for trial in other.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            labels, reason = _lesson(trial, before, request.spec)
            if reason:
                left[reason] += 1
            else:
                lesson = {"study": where, "trial": trial.number, "params": labels}
                lessons.append({**lesson, "values": trial.values})
        kept = [each for each in store.study.user_attrs.get(KNOWLEDGE, []) if each["study"] != where]
        store.study.set_user_attr(KNOWLEDGE, [*kept, *lessons])
    return len(lessons), dict(left.most_common())


def _check(store: TrialStore, other: optuna.Study, *, is_same: bool) -> None:
    hint, where = "Leave --from-study out, or set tune.sampler=tpe.", f"--from-study {other.study_name}"
    if not SAMPLERS[store.tune.sampler].learns_from_studies:
        expected = "tune.sampler to be tpe, the only one that learns from another study's trials"
        raise StudyError(str(Problem(where, expected, store.tune.sampler, hint)))
    if is_same:
        raise StudyError(str(Problem(where, "another study", "the same", "It knows its own trials.")))
    for field, own in (("objectives", list(store.tune.objectives)), ("select", store.tune.select)):
        theirs = setting(other, f"tune.{field}", None)
        if theirs != own:
            hint = "Values that mean something else would mislead the sampler."
            raise StudyError(str(Problem(where, f"tune.{field} {own}, as here", str(theirs), hint)))


def _lesson(trial: FrozenTrial, before: SearchSpec, after: SearchSpec) -> tuple[dict[str, Label], str]:
    try:
        labels, problems = translated(trial, before, after)
    except SpecError as error:
        return {}, str(error)
    searched = {*before.tune.parameters, *after.tune.parameters}  # others, such as the data, may differ
    outside = (each for each in problems if any(overlap(each.where, path) for path in searched))
    return labels, next(map(in_words, outside), "")
