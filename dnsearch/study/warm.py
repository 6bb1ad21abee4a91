"""Specs that a person wants tried: the next trials of a study, before what its sampler proposes."""

from collections.abc import Iterator

from dnsearch.errors import Problem, StudyError
from dnsearch.spec.document import Document, settings
from dnsearch.spec.tune.choosing import counts
from dnsearch.study.ledger import Ledger
from dnsearch.study.request import Request
from dnsearch.study.space import base_labels
from dnsearch.study.turns import exclusive


def enqueue(request: Request, ledger: Ledger) -> None:
    """Put the request's specs at the head of the study's queue; one that was there before is left out.

    Raises:
        StudyError: a spec is not one of the search space, with every field that is outside; then none is
            enqueued.
    """
    if not request.enqueue:
        return
    if problems := [problem for document in request.enqueue for problem in _outside(ledger, document)]:
        raise StudyError("\n\n".join(map(str, problems)))
    with exclusive(request.url, ledger.study.study_name):
        ledger.enqueue_base()
        for document in request.enqueue:
            ledger.study.enqueue_trial(base_labels(document, ledger.tune), skip_if_exists=True)


def _outside(ledger: Ledger, document: Document) -> Iterator[Problem]:
    """What keeps a spec from being a trial of the study."""
    name = document.experiment.name
    own, base = settings(document.experiment), settings(ledger.document.experiment)
    searched, labels = ledger.tune.parameters, base_labels(document, ledger.tune)
    for key in sorted(key for key in own.keys() | base.keys() if own.get(key) != base.get(key)):
        if not any(_overlap(key, path) for path in searched):
            expected = f"{base.get(key, 'nothing')!s}, as in the study's spec, since it is not searched"
            hint = f"--enqueue {name}: only searched fields may differ."
            yield Problem(key, expected, str(own.get(key, "nothing")), hint)
    for path in searched:
        if path not in labels and counts(searched[path], labels):
            found = ", ".join(str(value) for key, value in own.items() if _overlap(key, path))
            hint = f"--enqueue {name}: only what lies in the search space can be a trial."
            yield Problem(path, f"a value of tune.parameters.{path}", found or "none", hint)


def _overlap(key: str, path: str) -> bool:
    """Whether a setting is a part of a searched field, or the field a part of it."""
    return f"{key}.".startswith(f"{path}.") or f"{path}.".startswith(f"{key}.")
