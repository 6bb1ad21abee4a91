"""A search on a Ray cluster: one task for each trial, wherever there is room.

The tasks do what a worker does, for one trial and then no more, so that a lost node loses nothing: the trial
that it held is taken over by a later task, and the same study can be continued without Ray. This process
trains nothing; it keeps as many tasks in flight as are wanted, until the study has all its trials.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import ray

from dnsearch import environment
from dnsearch.errors import DnsearchError, Problem, StudyError
from dnsearch.runs.record import RunRecord
from dnsearch.study.book.claims import Claims
from dnsearch.study.book.database import SQLITE, reachable, sqlite_file
from dnsearch.study.book.ledger import Ledger
from dnsearch.study.facts.summary import Chronicle
from dnsearch.study.request import Request, create, joined
from dnsearch.study.search import search
from dnsearch.study.work.messages import SearchEvent, TrialEnded

POLL_SECONDS = 0.5
IDLE_SECONDS = 3.0
"""How long to wait before another task, when one found all trials in other hands."""
MAX_RETRIES = 3
MAX_LOST = 10
"""Tasks in a row that Ray may give up before the search does."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a trial gets of a node: processors, and graphics cards or parts of one."""

    cpus: int
    gpus: float


def search_on_ray(
    request: Request, address: str | None, interrupts: Callable[[], int]
) -> Iterator[SearchEvent]:
    """Run the search on a cluster and tell of the trials that end.

    Args:
        request: what to do; its folder and a SQLite file may be relative to this process' place.
        address: the cluster, ``auto`` for the one that this machine is in; None starts one of this machine.
        interrupts: how often a person has asked to stop. Once: let the running tasks end. Twice: end them.

    Raises:
        StudyError: the study cannot be opened, there is no such cluster, SQLite is to serve several nodes, or
            tasks are lost again and again.
    """
    request = _absolute(request)
    with _cluster(address):
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        _refuse_file_for_many(request.url, len(nodes))
        _, ledger = create(request)
        with reachable(request.url):
            present = Claims(ledger, request.url, request.folder)
            try:
                yield from _driven(request, _share(request, nodes), ledger, interrupts)
            finally:
                present.release(())


def _driven(
    request: Request, share: Share, ledger: Ledger, interrupts: Callable[[], int]
) -> Iterator[SearchEvent]:
    task = ray.remote(max_calls=1, max_retries=MAX_RETRIES, num_cpus=share.cpus, num_gpus=share.gpus)(
        _take_one
    )
    flying: list[ray.ObjectRef] = []
    lost, wait_until = 0, 0.0
    chronicle = Chronicle(request.folder, ledger.study)
    while interrupts() < 2:
        chronicle.renew()
        missing = request.trials - ledger.ended() if interrupts() == 0 else 0
        while len(flying) < min(request.workers, missing) and time.monotonic() >= wait_until:
            runs = str(request.folder.parent)
            flying.append(task.remote(request.url, request.folder.name, runs, request.trials, share.cpus))
        if not flying and missing <= 0:
            break
        landed, flying = ray.wait(flying, timeout=POLL_SECONDS) if flying else ([], flying)
        for reference in landed:
            records = _landed(reference)
            lost = lost + 1 if records is None else 0
            if lost > MAX_LOST:
                raise _lost_too_often()
            if not records:
                wait_until = time.monotonic() + IDLE_SECONDS
            yield from (TrialEnded(record) for record in records or ())
        if not flying:
            time.sleep(max(0.0, min(POLL_SECONDS, wait_until - time.monotonic())))
    for reference in flying:
        ray.cancel(reference, force=True)
    chronicle.close()


def _take_one(url: str, name: str, runs: str, trials: int, threads: int) -> list[RunRecord]:
    """In a process of the cluster: one trial from its proposal to its end, or none where none is left."""
    request = replace(joined(url, name, Path(runs), trials), takes=1, threads=threads)
    return [event.record for event in search(request, lambda: 0) if isinstance(event, TrialEnded)]


def _landed(reference: "ray.ObjectRef") -> list[RunRecord] | None:
    """What a task brought; None where its node or its process was lost, too often for Ray to try again."""
    try:
        records: list[RunRecord] = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        raise (StudyError(str(cause)) if isinstance(cause, DnsearchError) else error) from None
    except ray.exceptions.RayError:
        return None
    return records


def _lost_too_often() -> StudyError:
    expected = f"a cluster that keeps at least one of {MAX_LOST} tasks to its end"
    hint = "Look at ray status and at the nodes' memory; the study can be continued."
    return StudyError(str(Problem("--engine ray", expected, "all of them lost", hint)))


def _absolute(request: Request) -> Request:
    """The same for processes that have another working folder."""
    file = sqlite_file(request.url)
    url = request.url if file is None else f"{SQLITE}{file.resolve()}"
    return replace(request, folder=request.folder.resolve(), url=url)


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    environment.set_environment()
    try:
        _call(address)
        ray.init(
            address=address or "local", log_to_driver=False, include_dashboard=False, logging_level="error"
        )
    except (OSError, ValueError, RuntimeError) as error:
        hint = "Start one with: ray start --head, or leave --address out for this machine alone."
        found = (str(error).splitlines() or [type(error).__name__])[0]
        raise StudyError(str(Problem(f"--address {address}", "a Ray cluster", found, hint))) from error
    try:
        yield
    finally:
        ray.shutdown()


def _call(address: str | None) -> None:
    """Raise an OSError where nobody listens at HOST:PORT; Ray itself would try for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


def _refuse_file_for_many(url: str, nodes: int) -> None:
    if sqlite_file(url) is not None and nodes > 1:
        expected = f"a database that all {nodes} nodes of the cluster reach"
        found = "SQLite, a file that only one machine can lock"
        hint = "Give them a server: --storage postgresql+psycopg://user@host/database"
        raise StudyError(str(Problem(f"--storage {url}", expected, found, hint)))


def _share(request: Request, nodes: list[dict[str, float]]) -> Share:
    """An even share of the cluster's processors that fits on each node; cards as the spec says."""
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    even = sum(cpus) // request.workers
    has_cards = any(node.get("GPU", 0) for node in nodes)
    return Share(max(1, min(even, *cpus)), request.tune.gpus_per_trial if has_cards else 0.0)
