"""Trials as tasks of a Ray cluster: one task for each attempt at a trial, wherever there is room.

::

    coordinator ── job, the run's files ──────▶ task, in a temporary folder of its node
        │ ▲                                        │ ▲
        │ └─── letters: message, files ── mailbox ─┘ │
        └───── Stop or None ───────────── mailbox ───┘

A task posts a letter after every epoch and waits for the answer. At rungs, every minute and at the end the
letter brings the run's files home, so that a lost node costs a minute: the trial starts again elsewhere. The
mailbox is an actor beside the coordinator; it and the tasks end with the coordinator.
"""

import asyncio
import contextlib
import itertools
import math
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dnsearch import environment
from dnsearch.errors import Problem, StudyError
from dnsearch.runs.atomic import atomic_write, reading
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Stop
from dnsearch.search.local_executor import POLL_SECONDS
from dnsearch.search.messages import Executor, Job, Message, Resources, RunFailed, RunLost, timed
from dnsearch.search.pruning import rungs

HOME_SECONDS = 60.0  # after which the files of a run come home with its next epoch
Attempt = tuple[Path, int]
"""A trial's run folder, and the number of a task: a trial that is started again has another one."""
Files = Mapping[str, bytes]  # of a run, by their names in its folder


@dataclass(frozen=True, slots=True)
class Letter:
    """What a task tells: that it has started (no message), or what happened; files where they come home."""

    attempt: Attempt
    message: Message | None
    files: Files | None = None


class Mailbox:
    """An actor that keeps letters for the coordinator, and tasks waiting until they are answered."""

    def __init__(self) -> None:
        self._letters: list[Letter] = []
        self._arrived = asyncio.Event()
        self._answers: dict[Attempt, asyncio.Future[Stop | None]] = {}

    async def post(self, letter: Letter) -> None:
        """Leave a letter."""
        self._letters.append(letter)
        self._arrived.set()

    async def ask(self, letter: Letter) -> Stop | None:
        """Leave a letter and wait for its answer."""
        answer: asyncio.Future[Stop | None] = asyncio.get_running_loop().create_future()
        self._answers[letter.attempt] = answer
        await self.post(letter)
        return await answer

    async def take(self, seconds: float) -> list[Letter]:
        """The letters that arrive within some seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
        self._arrived.clear()
        letters, self._letters = self._letters, []
        return letters

    async def answer(self, attempt: Attempt, stop: Stop | None) -> None:
        """Answer the last letter of an attempt."""
        if (waiting := self._answers.pop(attempt, None)) is not None and not waiting.done():
            waiting.set_result(stop)


def train(job: Job, attempt: Attempt, files: Files, mailbox: Any) -> None:  # noqa: ANN401  (Ray's handle of an actor)
    """A task: train a job's network in a temporary folder; ``files``: what the run has, if it goes on."""
    environment.set_environment()
    trial_process = environment.imported("dnsearch.search.trial_process")
    with tempfile.TemporaryDirectory(prefix="dnsearch-") as place:
        folder = RunFolder(Path(place) / job.folder.name)
        folder.path.mkdir()
        for name, content in files.items():
            (folder.path / name).write_bytes(content)
        came_home, epochs = time.monotonic(), job.planned.experiment.training.epochs

        def ask(epoch: EpochRecord) -> Stop | None:
            nonlocal came_home
            home: Files | None = None
            if epoch.epoch in rungs(epochs) or time.monotonic() - came_home >= HOME_SECONDS:
                came_home, home = time.monotonic(), packed(folder)
            try:
                answer: Stop | None = ray.get(mailbox.ask.remote(Letter(attempt, epoch, home)))
            except RayError:
                os._exit(1)  # the coordinator is gone; what came home waits for another
            return answer

        ray.get(mailbox.post.remote(Letter(attempt, None)))
        message = trial_process.train(job, folder, ask)
        ray.get(mailbox.post.remote(Letter(attempt, message, packed(folder))))


def packed(folder: RunFolder) -> Files:
    """The files of a run that another process needs to go on with it or to show it."""
    files = {}
    for path in filter(Path.exists, _carried(folder)):
        with reading(path):
            files[path.name] = path.read_bytes()
    return files


def bring_home(files: Files, folder: RunFolder) -> None:
    """Write a run's files into its folder; after a kill at any moment the run can go on from there."""
    for path in (each for each in _carried(folder) if each.name in files):
        if path == folder.checkpoint:
            with folder.replacing_checkpoint() as file:
                file.write(files[path.name])
        else:
            atomic_write(path, files[path.name])


def _carried(folder: RunFolder) -> tuple[Path, ...]:
    """In an order from which a resume can go on: the checkpoint before the epochs.

    The weights may be those of an earlier, better epoch, which no checkpoint has any more: they come first.
    """
    first = (folder.spec, folder.resolved, folder.preprocessing, folder.start)
    return (*first, folder.weights, folder.checkpoint, folder.epochs_file, folder.hits, folder.record)


@dataclass
class Task:
    """A task in the cluster; ``reference``: Ray's to its end; ``deadline``: infinite until it starts."""

    job: Job
    attempt: Attempt
    reference: Any
    deadline: float = math.inf


class RayExecutor(Executor):
    """Tasks of the cluster that this process is connected to.

    Each is placed where so many ``cpus`` and ``gpus`` are free, and has so many ``threads``.
    """

    def __init__(self, cpus: int, gpus: float, threads: int, wanted: Resources) -> None:
        self._threads, self._timeout_seconds = threads, wanted.timeout_seconds
        self._task = ray.remote(max_calls=1, max_retries=0, num_cpus=cpus, num_gpus=gpus)(train)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(num_cpus=0, max_concurrency=2 * wanted.workers + 10, scheduling_strategy=here)(
            Mailbox
        )
        self._mailbox = actor.remote()
        self._tasks: dict[Path, Task] = {}
        self._numbers = itertools.count()

    def start(self, job: Job) -> Job:
        """Queue a task for a job, with what the study's folder has of it."""
        job, attempt = replace(job, threads=self._threads), (job.folder, next(self._numbers))
        files = packed(RunFolder(job.folder))
        self._tasks[job.folder] = Task(job, attempt, self._task.remote(job, attempt, files, self._mailbox))
        return job

    def poll(self) -> list[tuple[Job, Message]]:
        """The messages that arrive within ``POLL_SECONDS``; the files that come with them are written."""
        broken = self._broken()  # before the letters are taken: a lost task may have posted one
        messages: dict[Path, Message] = {}
        for letter in self._letters():
            folder, _ = letter.attempt
            task = self._tasks.get(folder)
            if task is None or task.attempt != letter.attempt:  # it was ended meanwhile
                continue
            if letter.files is not None:
                bring_home(letter.files, RunFolder(folder))
            if letter.message is None:
                task.deadline = time.monotonic() + (self._timeout_seconds or math.inf)
            else:
                messages[folder] = letter.message
        deadlines = {folder: task.deadline for folder, task in self._tasks.items()}
        found = timed({**broken, **messages}, deadlines, self._timeout_seconds)
        return [(self._tasks[folder].job, message) for folder, message in found.items()]

    def _letters(self) -> list[Letter]:
        try:
            letters: list[Letter] = ray.get(self._mailbox.take.remote(POLL_SECONDS))
        except RayError as error:
            hint = "Look at ray status; the study can be continued."
            raise _refusal("--executor ray", "a Ray cluster that works", error, hint) from error
        return letters

    def _broken(self) -> dict[Path, Message]:
        """Run folder → why its task has ended without a last letter."""
        folders = {task.reference: folder for folder, task in self._tasks.items()}
        if not folders:
            return {}
        ended, _ = ray.wait([*folders], num_returns=len(folders), timeout=0, fetch_local=False)
        errors = {folders[reference]: _error_of(reference) for reference in ended}
        return {folder: error for folder, error in errors.items() if error is not None}

    def answer(self, job: Job, stop: Stop | None) -> None:
        """Tell a task that waits after an epoch to go on or to stop."""
        self._mailbox.answer.remote(self._tasks[job.folder].attempt, stop)

    def end(self, folder: Path) -> None:
        """Forget a task that has ended, or cancel it."""
        task = self._tasks.pop(folder)
        ended, _ = ray.wait([task.reference], timeout=1)  # its last letter may have come before its end
        if not ended:
            ray.cancel(task.reference, force=True)

    def close(self) -> None:
        """Cancel all tasks."""
        while self._tasks:
            ray.cancel(self._tasks.popitem()[1].reference, force=True)


def _error_of(reference: Any) -> Message | None:  # noqa: ANN401  (Ray's reference)
    try:
        ray.get(reference)
    except OutOfMemoryError:
        why = "out of memory: Ray killed the task, since its node had too little left"
        return RunFailed(why, memory=True)
    except (RayActorError, RayTaskError) as error:
        return RunFailed(str(error))
    except RayError as error:
        return RunLost(f"its node or process was lost ({type(error).__name__})")
    return None


@contextlib.contextmanager
def ray_executor(wanted: Resources, address: str | None) -> Iterator[RayExecutor]:
    """An executor on a cluster, for a block; an ``address`` of None starts a cluster of its own."""
    environment.set_environment()
    try:
        host, colon, port = (address or "").rpartition(":")
        if colon and "/" not in host:  # Ray itself would try for minutes where nobody listens
            socket.create_connection((host, int(port)), timeout=10).close()
        quiet = {"log_to_driver": False, "include_dashboard": False, "logging_level": "error"}
        ray.init(address=address or "local", **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        hint = "Start one with: ray start --head, or leave --address out for this machine alone."
        raise _refusal(f"--address {address}", "a Ray cluster", error, hint) from error
    try:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus, gpus = share(nodes, wanted.workers, wanted.gpus_per_run)
        smallest = min((int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1), default=1)
        yield RayExecutor(cpus, gpus, environment.threads(smallest), wanted)
    finally:
        ray.shutdown()


def _refusal(where: str, expected: str, error: Exception, hint: str) -> StudyError:
    found = (str(error).splitlines() or [type(error).__name__])[0]
    return StudyError(str(Problem(where, expected, found, hint)))


def share(nodes: list[dict[str, float]], workers: int, gpus_per_trial: float) -> tuple[int, float]:
    """Processors and GPUs of a trial: an even share of the processors that fits on each node that has some.

    Without a GPU in the cluster trials take none.

    >>> share([{"CPU": 0}, {"CPU": 8, "GPU": 2}, {"CPU": 8, "GPU": 2}], workers=8, gpus_per_trial=0.5)
    (2, 0.5)
    """
    cpus = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    most = max((node.get("GPU", 0) for node in nodes), default=0)
    if 0 < most < gpus_per_trial:
        expected = f"at most {most:g}, the GPUs of the cluster's largest node"
        raise StudyError(str(Problem("tune.gpus_per_trial", expected, f"{gpus_per_trial:g}")))
    return max(1, min(sum(cpus) // workers, *cpus, 10**6)), gpus_per_trial if most else 0.0
