"""Whether a spec lies in another search's space: what it may not change, and what the space does not hold."""

from collections.abc import Iterator, Mapping
from typing import Any

from dnsearch.errors import Problem, StudyError
from dnsearch.spec.document import Document, settings
from dnsearch.spec.experiment import STAGES
from dnsearch.spec.tree import overlap
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.conditions import Label, followers
from dnsearch.spec.tune.parameters import exact, when
from dnsearch.spec.tune.search_space import counts, value_of
from dnsearch.study.sampling.space import base_labels

COMMON_ALONE = ("nsga2", "cmaes", "qmc", "gp")
"""Samplers that propose nothing but what every finished trial has."""


def misfits(
    document: Document, labels: Mapping[str, Label], base: Document, tune: Tune, hint: str
) -> Iterator[Problem]:
    """What keeps a spec from being a trial of a search.

    Args:
        document: the spec.
        labels: those that it has in the space.
        base: the search's base spec.
        tune: its ``tune`` section.
        hint: what each problem shall end with.
    """
    own, others = settings(document.experiment), settings(base.experiment)
    differing = {key for key in own.keys() | others.keys() if own.get(key) != others.get(key)}
    for key in sorted(differing - _filled_in(tune)):
        if not any(overlap(key, path) for path in tune.parameters):
            expected = f"{others.get(key, 'nothing')!s}, as in the study's spec, since it is not searched"
            yield Problem(
                key, expected, str(own.get(key, "nothing")), f"{hint}: only searched fields may differ."
            )
    for path, searched in tune.parameters.items():
        if path not in labels and counts(searched, labels):
            found = ", ".join(str(value) for key, value in own.items() if overlap(key, path))
            expected = f"a value of tune.parameters.{path}"
            outside = f"{hint}: only what lies in the search space can be a trial."
            yield Problem(path, expected, found or "none", outside)


def _filled_in(tune: Tune) -> set[str]:
    """The settings that the search gives each trial by itself."""
    return set() if tune.fidelity == "epochs" else {STAGES}


def spec_of(labels: Mapping[str, Label], document: Document, tune: Tune, origin: str) -> Document:
    """The spec of a search's trial.

    Args:
        labels: parameter → label, of the trial.
        document: the search's base spec.
        tune: its ``tune`` section.
        origin: what to call the trial in problems.

    Raises:
        SpecError: its values do not fit together.
    """
    values: dict[str, Any] = {path: value_of(tune.parameters[path], label) for path, label in labels.items()}
    return document.with_values({**values, **followers(tune.relations, values)}, origin)


def known_labels(params: Mapping[str, Label], tune: Tune) -> dict[str, Label]:
    """What a search asked of a trial, without what arithmetic has added to it.

    Args:
        params: parameter → label, as the book has them.
        tune: the search.
    """
    return {path: exact(tune.parameters[path], label) for path, label in params.items()}


def same_labels(labels: Mapping[str, Label], before: Tune, after: Tune) -> dict[str, Label]:
    """The labels of parameters that two searches search alike."""
    return {
        path: label
        for path, label in labels.items()
        if path in after.parameters and after.parameters[path] == before.parameters[path]
    }


def check_placed(document: Document, tune: Tune) -> None:
    """See to it that the base spec lies in its own search, where it would else change who proposes.

    Optuna's samplers but TPE propose what all finished trials have, and draw the rest at random without a
    word. The first trial is the base spec; what it has not, they would never propose.

    Raises:
        StudyError: it does not, with every parameter.
    """
    if tune.sampler in COMMON_ALONE and (problems := list(_unplaced(document, tune))):
        raise StudyError("\n\n".join(map(str, problems)))


def _unplaced(document: Document, tune: Tune) -> Iterator[Problem]:
    own, labels = settings(document.experiment), base_labels(document, tune)
    for path, searched in tune.parameters.items():
        if path not in labels and when(searched) is None:
            found = ", ".join(str(value) for key, value in own.items() if overlap(key, path))
            why = f"or {tune.sampler} would only draw it at random"
            expected = f"the spec's own value among those searched, {why}"
            hint = "Widen the parameter, change the spec, or set tune.sampler=tpe."
            yield Problem(f"tune.parameters.{path}", expected, found or "none", hint)
