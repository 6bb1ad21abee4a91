"""What several commands do with a spec before anything is trained."""

from collections.abc import Iterable
from dataclasses import dataclass

from dnsearch.data.dataset import Facts
from dnsearch.data.sources import check_task, facts
from dnsearch.errors import Problem, SpecError
from dnsearch.plan.limits import Budgeted, budgeted
from dnsearch.spec.document import Document, load
from dnsearch.spec.tune import Tune


@dataclass(frozen=True)
class Planned:
    """A spec, its network that is known to fit, and what its images are like.

    Args:
        written: the spec with its ``match`` still to be solved, as each trial of a search does.
        budget: the spec with its growth rate, the network and its totals.
        facts: the images' shape and the number of classes.
    """

    written: Document
    budget: Budgeted
    facts: Facts


def planned(spec: str, overrides: Iterable[str] | None, *, limits: bool = True) -> Planned:
    """Read a spec, plan its network, solve its ``match``, and check its ``limits`` and what it expects.

    Raises:
        SpecError: the spec is wrong, or its network does not fit the images or the budget.
        DataError: the data is missing and the spec does not say what it looks like.
    """
    document = load(spec, overrides or ())
    known = facts(document.experiment.data)
    try:
        check_task(document.experiment, known)
    except SpecError as error:
        raise document.located(error) from None
    return Planned(document, budgeted(document, known.image_shape, known.classes, limits=limits), known)


def tune_of(document: Document, spec: str) -> Tune:
    """The ``tune`` section of a spec that has been asked to be searched.

    Raises:
        SpecError: there is none.
    """
    if document.experiment.tune is None:
        hint = "Add tune: with parameters: to search, as in dnsearch init --preset speculations."
        raise SpecError([Problem("tune", f"{spec} has no tune section", hint=hint)])
    return document.experiment.tune
