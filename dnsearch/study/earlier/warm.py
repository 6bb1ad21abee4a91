"""Specs that a person wants tried: the next trials of a study, before what its sampler proposes."""

from collections.abc import Iterator

from dnsearch.errors import Problem, StudyError
from dnsearch.spec.document import Document
from dnsearch.study.book.ledger import Ledger
from dnsearch.study.book.turns import exclusive
from dnsearch.study.request import Request
from dnsearch.study.sampling.space import base_labels
from dnsearch.study.sampling.within import misfits


def enqueue(request: Request, ledger: Ledger) -> None:
    """Put the request's specs at the head of the study's queue; one that was there before is left out.

    Raises:
        StudyError: a spec is not one of the search space, with every field that is outside; then none is
            enqueued.
    """
    if not request.enqueue:
        return
    problems = [problem for document in request.enqueue for problem in _outside(ledger, document)]
    if problems:
        raise StudyError("\n\n".join(map(str, problems)))
    with exclusive(request.url, ledger.study.study_name):
        ledger.enqueue_base()
        for document in request.enqueue:
            ledger.study.enqueue_trial(base_labels(document, ledger.tune), skip_if_exists=True)


def _outside(ledger: Ledger, document: Document) -> Iterator[Problem]:
    """What keeps a spec from being a trial of the study."""
    labels, hint = base_labels(document, ledger.tune), f"--enqueue {document.experiment.name}"
    return misfits(document, labels, ledger.document, ledger.tune, hint)
