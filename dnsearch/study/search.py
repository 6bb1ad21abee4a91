"""The story of many runs: propose, train in children, compare, record, until the trials are used up.

One light process, the coordinator, owns the study's storage and never imports TensorFlow; children only
train and tell of their epochs. Whatever dies, the study's folder and storage say what has happened.
"""

from collections.abc import Callable, Iterator

from dnsearch import environment
from dnsearch.study.book.database import reachable
from dnsearch.study.coordinator import Coordinator
from dnsearch.study.earlier.warm import enqueue
from dnsearch.study.request import Request, create
from dnsearch.study.work import placement
from dnsearch.study.work.messages import SearchEvent


def search(request: Request, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
    """Run the search and tell what happens.

    Args:
        request: what to do.
        interrupts: how often a person has asked to stop. Once: start no more trials and let the running ones
            end. Twice: end them too; they are taken up again by the next search.

    Raises:
        StudyError: the study cannot be opened, or is another spec's; or a spec to enqueue lies
            outside the space; or a graphics card is not there, or has
            no room for so many trials.
        RunError: a folder cannot be written to.
    """
    if request.cards:
        installed, share = environment.installed_cards(), request.tune.gpus_per_trial
        placement.check(request.cards, share, installed, request.workers)
    request, ledger = create(request)
    with reachable(request.url):
        enqueue(request, ledger)
        coordinator = Coordinator(request, ledger)
        try:
            yield from coordinator.go(interrupts)
        finally:
            coordinator.end_children()
