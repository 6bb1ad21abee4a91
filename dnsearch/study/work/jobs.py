"""What a child is given to do, and its share of the machine."""

from collections.abc import Iterable
from pathlib import Path

from dnsearch import environment
from dnsearch.runs.record import Origin
from dnsearch.spec.document import Document
from dnsearch.study.request import Request
from dnsearch.study.work import placement
from dnsearch.study.work.messages import Job


def next_job(
    request: Request, document: Document, folder: Path, origin: Origin, running: Iterable[Job]
) -> Job:
    """A job with the threads of one of the request's workers, on the cards with the most room.

    Args:
        request: the search.
        document: the spec to train.
        folder: its run folder.
        origin: study and number.
        running: what its other workers train.
    """
    threads = request.threads or max(1, environment.cores() // request.workers)
    cards, share = request.cards, request.tune.gpus_per_trial
    taken = (job.cards or () for job in running)
    placed = placement.place(cards, share, taken) if cards else None
    latency = "latency_seconds" in request.tune.objectives
    return Job(document, folder, origin, threads, placed, latency)
