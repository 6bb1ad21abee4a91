"""What a study's sampler may learn from another study: finished trials that could be trials of its own.

They are no trials of this study. They stand in a user attribute of it, which the sampler alone looks at, so
that nothing counts, ranks or shows them.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch.errors import Problem, SpecError, StudyError
from dnsearch.spec.tree import overlap
from dnsearch.study.book.database import default_url, reachable, shown, sqlite_file
from dnsearch.study.book.ledger import Ledger, is_base
from dnsearch.study.book.storage import existing_study
from dnsearch.study.book.terms import Terms, read
from dnsearch.study.book.turns import exclusive
from dnsearch.study.facts.summary import setting
from dnsearch.study.sampling.samplers import KNOWLEDGE
from dnsearch.study.sampling.space import base_labels
from dnsearch.study.sampling.within import known_labels, misfits, same_labels, spec_of


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
        """Where it is, the same however its database is called."""
        file = sqlite_file(self.url)
        return f"{shown(self.url) if file is None else file.resolve()} {self.study.study_name}"


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of a look at another study.

    Args:
        study: its name.
        taken: how many of its finished trials the sampler learns from.
        left: why others were left, with how many.
    """

    study: str
    taken: int
    left: dict[str, int]


def other_study(name: str, runs: Path, storage: str | None) -> Source:
    """Another study, by its name or its folder.

    Args:
        name: the study's folder, or its name.
        runs: folder of the runs.
        storage: the database that a study is in whose folder has none.

    Raises:
        StudyError: there is no such study.
    """
    for folder in (Path(name), runs / name):
        if (folder / "study.db").is_file():
            url, name = default_url(folder), folder.resolve().name
            return Source(existing_study(url, name), url)
    url = storage or default_url(runs / name)
    return Source(existing_study(url, Path(name).name), url)


def learn(ledger: Ledger, url: str, other: Source) -> Learnt:
    """Let a study's sampler learn from another's finished trials, in place of what it learnt from it before.

    Args:
        ledger: the study's book.
        url: its database.
        other: the study to learn from.

    Raises:
        StudyError: the study's sampler cannot learn so, or the other has other objectives.
    """
    _check(ledger, url, other)
    terms = read(other.study)
    lessons: list[dict[str, Any]] = []
    left: Counter[str] = Counter()
    for trial in other.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        match _lesson(trial, terms, ledger):
            case str() as reason:
                left[reason] += 1
            case lesson:
                lessons.append({"study": other.place, "trial": trial.number, **lesson})
    with reachable(url), exclusive(url, ledger.study.study_name):
        known = ledger.study.user_attrs.get(KNOWLEDGE, [])
        kept = [each for each in known if each["study"] != other.place]
        ledger.study.set_user_attr(KNOWLEDGE, [*kept, *lessons])
    return Learnt(other.study.study_name, len(lessons), dict(left.most_common()))


def _check(ledger: Ledger, url: str, other: Source) -> None:
    hint, where = "Leave --from-study out, or set tune.sampler=tpe.", f"--from-study {other.study.study_name}"
    if ledger.tune.sampler != "tpe":
        expected = "tune.sampler to be tpe, which alone learns from another study's trials"
        raise StudyError(str(Problem(where, expected, ledger.tune.sampler, hint)))
    if other.place == Source(ledger.study, url).place:
        raise StudyError(str(Problem(where, "another study", "the same", "It knows its own trials.")))
    for field, own in (("objectives", list(ledger.tune.objectives)), ("select", ledger.tune.select)):
        theirs = setting(other.study, f"tune.{field}", None)
        if theirs != own:
            hint = "Values that mean something else would mislead the sampler."
            raise StudyError(str(Problem(where, f"tune.{field} {own}, as here", str(theirs), hint)))


def _lesson(trial: FrozenTrial, terms: Terms, ledger: Ledger) -> dict[str, Any] | str:
    """What the sampler learns from a trial; or why nothing."""
    asked, document = known_labels(trial.params, terms.tune), terms.document
    if not is_base(trial):
        try:
            document = spec_of(asked, terms.document, terms.tune, f"trial {trial.number}")
        except SpecError as error:
            return str(error)
    labels = {**base_labels(document, ledger.tune), **same_labels(asked, terms.tune, ledger.tune)}
    searched = {*terms.tune.parameters, *ledger.tune.parameters}
    for problem in misfits(document, labels, ledger.document, ledger.tune, ""):
        if any(
            overlap(problem.where, path) for path in searched
        ):  # settings of both, such as the data, may differ
            return f"{problem.where}: expected {problem.expected}, found {problem.found}"
    return {"params": labels, "values": trial.values}
