"""What several commands do with a spec before anything is trained."""

from collections.abc import Iterable

from dnsearch.data.sources import facts
from dnsearch.errors import Problem, SpecError
from dnsearch.plan.limits import Planned, planned
from dnsearch.spec.document import Document, load
from dnsearch.spec.tune import Tune


def planned_spec(spec: str, overrides: Iterable[str] | None, *, limits: bool = True) -> Planned:
    """Read a spec, plan its network, solve its ``match``, and check its ``limits`` and what it expects.

    Raises:
        SpecError: the spec is wrong, or its network does not fit the images or the budget.
        DataError: the data is missing and the spec does not say what it looks like.
    """
    return planned_document(load(spec, overrides or ()), limits=limits)


def planned_document(document: Document, *, limits: bool = True) -> Planned:
    """The same of a spec that has been read."""
    return planned(document, facts(document.experiment.data), limits=limits)


def tune_of(document: Document, spec: str) -> Tune:
    """The ``tune`` section of a spec that has been asked to be searched.

    Raises:
        SpecError: there is none.
    """
    if document.experiment.tune is None:
        hint = "Add tune: with parameters: to search, as in dnsearch init --preset speculations."
        raise SpecError([Problem("tune", f"{spec} has no tune section", hint=hint)])
    return document.experiment.tune
