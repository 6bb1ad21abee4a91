"""Which trials of a study would also be trials of its changed spec, each in the new space's words."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from dnsearch.errors import SpecError
from dnsearch.spec.document import settings
from dnsearch.spec.tune.conditions import Label, followers
from dnsearch.spec.tune.search_space import counts, value_of
from dnsearch.study.book.ledger import BASE, DROPPED, INFEASIBLE, is_base
from dnsearch.study.book.terms import Terms
from dnsearch.study.request import Request
from dnsearch.study.sampling.feasibility import Judge
from dnsearch.study.sampling.space import base_labels, distribution
from dnsearch.study.sampling.within import known_labels, misfits, same_labels, spec_of

FIXED = "fixed_params"
"""Where Optuna keeps the labels of a trial that was enqueued."""
CONSTRAINTS = "constraints:"
"""How Optuna's names of a trial's constraints begin."""


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of a trial.

    Args:
        trial: the trial in the new book, under its old number.
        dropped: why it is no trial any more; empty where it is kept.
        counted: whether it was a trial of the study, not an infeasible proposal or one dropped before.
    """

    trial: FrozenTrial
    dropped: str
    counted: bool


def move(trial: FrozenTrial, terms: Terms, request: Request) -> Move:
    """Put a trial into the changed spec's space, or drop it with the reason.

    Args:
        trial: the trial.
        terms: what the study was about.
        request: what it shall be about.
    """
    counted = INFEASIBLE not in trial.user_attrs and DROPPED not in trial.user_attrs
    match _found(trial, terms, request):
        case str() as reason:
            return Move(_placeholder(reason), reason, counted)
        case moved:
            return Move(moved, "", counted)


def _found(trial: FrozenTrial, terms: Terms, request: Request) -> FrozenTrial | str:
    """The trial in the new space; or why it is not there."""
    if reason := trial.user_attrs.get(DROPPED):
        return str(reason)
    if INFEASIBLE in trial.user_attrs:
        return trial if _is_same_space(terms, request) else "an infeasible proposal of the spec before"
    asked = trial.system_attrs.get(FIXED, {}) if trial.state is TrialState.WAITING else trial.params
    labels = known_labels(asked, terms.tune)
    if not is_base(trial) and not _is_complete(labels, terms):
        return "not all of its values had been proposed"
    document = terms.document
    if not is_base(trial):
        try:
            document = spec_of(labels, terms.document, terms.tune, f"trial {trial.number}")
        except SpecError as error:
            return str(error)
    base = is_base(trial) and _is_same_base(terms, request)
    own = {**base_labels(document, request.tune), **same_labels(labels, terms.tune, request.tune)}
    if not base and (problems := list(misfits(document, own, request.document, request.tune, ""))):
        return "; ".join(f"{each.where}: expected {each.expected}, found {each.found}" for each in problems)
    if not _changed_rules(terms, request):
        return _moved(trial, own, request, base=base)
    judge = Judge(request.document, request.tune, request.image_shape, request.classes, request.limits)
    judgement = judge.of({} if base else _values(own, request), f"trial {trial.number}")
    if judgement.reasons:
        return "; ".join(f"{name}: {reason}" for name, reason in judgement.reasons.items())
    return _with_margins(_moved(trial, own, request, base=base), judgement.margins)


def _is_same_base(terms: Terms, request: Request) -> bool:
    return settings(terms.document.experiment) == settings(request.document.experiment)


def _is_same_space(terms: Terms, request: Request) -> bool:
    same = terms.tune.parameters == request.tune.parameters and _is_same_base(terms, request)
    return same and not _changed_rules(terms, request)


def _changed_rules(terms: Terms, request: Request) -> bool:
    """Whether what refuses proposals has changed."""
    before = terms.tune.constraints, terms.tune.relations, terms.document.experiment.limits, terms.limits
    after = request.tune.constraints, request.tune.relations, request.document.experiment.limits
    return before != (*after, request.limits)


def _is_complete(labels: dict[str, Label], terms: Terms) -> bool:
    searched = terms.tune.parameters.items()
    return all(path in labels for path, each in searched if counts(each, labels))


def _values(labels: dict[str, Label], request: Request) -> dict[str, Any]:
    values = {path: value_of(request.tune.parameters[path], label) for path, label in labels.items()}
    return {**values, **followers(request.tune.relations, values)}


def _moved(trial: FrozenTrial, labels: dict[str, Label], request: Request, *, base: bool) -> FrozenTrial:
    """The trial with its new labels and distributions; all else stays."""
    new = copy.deepcopy(trial)
    if trial.state is TrialState.WAITING:
        new.system_attrs = {**new.system_attrs, FIXED: labels}
    else:
        new.params = labels
        new.distributions = {path: distribution(request.tune.parameters[path]) for path in labels}
    if not base:
        new.user_attrs = {key: value for key, value in new.user_attrs.items() if key != BASE}
    return new


def _with_margins(trial: FrozenTrial, margins: Mapping[str, float]) -> FrozenTrial:
    others = {key: value for key, value in trial.system_attrs.items() if not key.startswith(CONSTRAINTS)}
    trial.system_attrs = {**others, **{f"{CONSTRAINTS}{name}": each for name, each in margins.items()}}
    return trial


def _placeholder(reason: str) -> FrozenTrial:
    """What stands in the book in a dropped trial's place, so that the others keep their numbers."""
    return create_trial(state=TrialState.FAIL, user_attrs={DROPPED: reason})
