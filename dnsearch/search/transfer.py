"""Trials that come from elsewhere: specs that a person enqueues, and another study's finished trials.

What a sampler learns from another study are no trials of this one. They are in a user attribute of it, which
the sampler alone looks at, so that nothing counts, ranks or shows them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch.errors import Problem, SpecError, StudyError
from dnsearch.search.database import default_url, shown, sqlite_file
from dnsearch.search.parameter_space import base_labels, known_labels, misfits, same_labels, spec_of
from dnsearch.search.request import Request, writable
from dnsearch.search.samplers import KNOWLEDGE
from dnsearch.search.study_metadata import StudyMetadata, existing_study, read_metadata, setting
from dnsearch.search.trial_store import TrialStore, is_base
from dnsearch.spec.document import Document
from dnsearch.spec.tree import overlap
from dnsearch.spec.tune import SAMPLERS


def enqueue(request: Request, store: TrialStore) -> None:
    """Put the request's specs at the head of the study's queue; one that was there before is left out.

    Raises:
        StudyError: a spec is outside of the search space, with every field; then none is enqueued.
    """
    if problems := [str(each) for document in request.enqueue for each in _outside(store, document)]:
        raise StudyError("\n\n".join(problems))
    if request.enqueue:
        store.enqueue([base_labels(document, store.tune) for document in request.enqueue])


def _outside(store: TrialStore, document: Document) -> Iterator[Problem]:
    labels, hint = base_labels(document, store.tune), f"--enqueue {document.experiment.name}"
    return misfits(document, labels, store.document, store.tune, hint)


@dataclass(frozen=True, slots=True)
class Source:
    """A study to learn from.

    Args:
        study: the open study.
        url: its database.
    """

    study: optuna.Study
    url: str

    @property
    def place(self) -> str:
        """Where it is, the same whatever way its database is written."""
        file = sqlite_file(self.url)
        return f"{shown(self.url) if file is None else file.resolve()} {self.study.study_name}"


@dataclass(frozen=True, slots=True)
class Learnt:
    """The result of learning from another study.

    Args:
        study: its name.
        taken: how many of its finished trials the sampler learns from.
        left: why others were left out, with how many.
    """

    study: str
    taken: int
    left: dict[str, int]


def other_study(name: str, runs: Path, storage: str | None) -> Source:
    """Another study, by its name or its folder.

    Args:
        name: the study's folder, or its name.
        runs: folder of the runs.
        storage: the database of a study whose folder has none.

    Raises:
        StudyError: there is no such study.
    """
    for folder in (Path(name), runs / name):
        if (folder / "study.db").is_file():
            url, name = default_url(folder), folder.resolve().name
            return Source(existing_study(url, name), url)
    url = storage or default_url(runs / name)
    return Source(existing_study(url, Path(name).name), url)


def learn(request: Request, other: Source) -> Learnt:
    """Let a study's sampler learn from another's finished trials, in place of what it learnt from it before.

    Raises:
        StudyError: another process searches the study, its sampler cannot learn so, or the other study has
            other objectives.
    """
    with writable(request) as store:
        _check(store, request.url, other)
        metadata = read_metadata(other.study, other.url)
        lessons: list[dict[str, Any]] = []
        left: Counter[str] = Counter()
        for trial in other.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            match _lesson(trial, metadata, store):
                case str() as reason:
                    left[reason] += 1
                case lesson:
                    lessons.append({"study": other.place, "trial": trial.number, **lesson})
        known = store.study.user_attrs.get(KNOWLEDGE, [])
        kept = [each for each in known if each["study"] != other.place]
        store.study.set_user_attr(KNOWLEDGE, [*kept, *lessons])
    return Learnt(other.study.study_name, len(lessons), dict(left.most_common()))


def _check(store: TrialStore, url: str, other: Source) -> None:
    hint, where = "Leave --from-study out, or set tune.sampler=tpe.", f"--from-study {other.study.study_name}"
    if not SAMPLERS[store.tune.sampler].learns_from_studies:
        expected = "tune.sampler to be tpe, the only one that learns from another study's trials"
        raise StudyError(str(Problem(where, expected, store.tune.sampler, hint)))
    if other.place == Source(store.study, url).place:
        raise StudyError(str(Problem(where, "another study", "the same", "It knows its own trials.")))
    for field, own in (("objectives", list(store.tune.objectives)), ("select", store.tune.select)):
        theirs = setting(other.study, f"tune.{field}", None)
        if theirs != own:
            hint = "Values that mean something else would mislead the sampler."
            raise StudyError(str(Problem(where, f"tune.{field} {own}, as here", str(theirs), hint)))


def _lesson(trial: FrozenTrial, metadata: StudyMetadata, store: TrialStore) -> dict[str, Any] | str:
    """What the sampler learns from a trial; or why nothing."""
    asked, document = known_labels(trial.params, metadata.tune), metadata.document
    if not is_base(trial):
        try:
            document = spec_of(asked, metadata.document, metadata.tune, f"trial {trial.number}")
        except SpecError as error:
            return str(error)
    labels = {**base_labels(document, store.tune), **same_labels(asked, metadata.tune, store.tune)}
    searched = {*metadata.tune.parameters, *store.tune.parameters}
    for problem in misfits(document, labels, store.document, store.tune, ""):
        if any(overlap(problem.where, path) for path in searched):  # others, such as the data, may differ
            return f"{problem.where}: expected {problem.expected}, found {problem.found}"
    return {"params": labels, "values": trial.values}
