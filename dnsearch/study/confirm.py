"""The last rung of a search: its best trials are trained again, on seeds that had no part in choosing them.

What is to do follows from the book's order and the folders alone, so that a confirmation that was killed goes
on from its checkpoints, and one of a study that got more trials trains only what is new among the best.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from zlib import crc32

from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import Origin, RunRecord, opening
from dnsearch.spec.document import Document, load
from dnsearch.study.book.ledger import Ledger
from dnsearch.study.confirmed import FOLDER
from dnsearch.study.request import Request
from dnsearch.study.work import artifacts
from dnsearch.study.work.crew import Crew
from dnsearch.study.work.jobs import next_job
from dnsearch.study.work.messages import (
    EpochEnded,
    RunEnded,
    RunFailed,
    SearchEvent,
    TrialEnded,
    TrialProgressed,
    TrialStarted,
)
from dnsearch.study.work.proposal import known


@dataclass(frozen=True, slots=True)
class Retraining:
    """A trial's spec on a fresh seed.

    Args:
        document: the spec.
        folder: its run folder.
        origin: the trial that it confirms.
        record: what its folder should say as long as no child has written there.
    """

    document: Document
    folder: RunFolder
    origin: Origin
    record: RunRecord


def fresh_seed(seed: int, trial: int, repetition: int, own: int) -> int:
    """The seed of a retraining, from 0 to 2³² - 1.

    Args:
        seed: the search's.
        trial: number of the trial.
        repetition: number of the retraining, from 1.
        own: the trial's own seed, which the fresh one never is.

    >>> [fresh_seed(0, 3, repetition, own=0) for repetition in (1, 2)]
    [684469130, 2982509104]
    >>> fresh_seed(0, 3, 1, own=684469130)
    684469131
    """
    fresh = crc32(f"confirm {seed} {trial} {repetition}".encode())
    return fresh if fresh != own else fresh ^ 1


def missing(request: Request, ranked: list[int]) -> list[Retraining]:
    """The retrainings that have not ended, the best trial's first.

    Args:
        request: the search.
        ranked: numbers of the finished trials, the best first. One that was not trained, since another had
            the same settings, or whose folder is gone, is passed over.

    Raises:
        DnsearchError: a trial's spec or record cannot be read.
    """
    wanted = request.tune.confirm
    if wanted is None:
        return []
    trials = (RunFolder(request.folder / trial_name(number)) for number in ranked)
    trained = [run for run in trials if _was_trained(run)][: wanted.top]
    planned = [
        _retraining(request, run, repetition) for run in trained for repetition in range(1, wanted.seeds + 1)
    ]
    return [each for each in planned if not _is_over(each)]


def _was_trained(trial: RunFolder) -> bool:
    return trial.record.exists() and trial.resolved.exists()


def _retraining(request: Request, trial: RunFolder, repetition: int) -> Retraining:
    record, document = trial.read(), load(str(trial.resolved))
    number = record.trial or 0
    seed = fresh_seed(request.tune.seed, number, repetition, document.experiment.training.seed)
    name = f"{trial.name}-seed-{repetition}"
    changed = document.with_values({"training.seed": seed}, name)
    run = RunFolder(request.folder / FOLDER / name)
    origin = Origin(request.folder.name, number, confirmation=True)
    opened = opening(name, changed.experiment, record.parameters, record.macs, origin)
    return Retraining(changed, run, origin, known(run, replace(opened, parts=record.parts)))


def _is_over(retraining: Retraining) -> bool:
    """Whether it failed, or finished and looked at the test images, if there are any."""
    record = retraining.record
    looked = record.test is not None or bool(record.reason)
    return record.state == "failed" or (record.state == "finished" and looked)


def confirm(request: Request, ledger: Ledger, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
    """Train what is missing and tell what happens.

    Args:
        request: the search.
        ledger: its book; it is read, and nothing is written there.
        interrupts: how often a person has asked to stop; as for a search.

    Raises:
        DnsearchError: a trial's spec cannot be read, or a folder not written to.
    """
    if request.tune.confirm is None or interrupts() or request.takes is not None:
        return
    if request.artifacts is not None:
        _bring_best(request, ledger, request.tune.confirm.top, request.artifacts)
    waiting = missing(request, ledger.ranked())
    crew: Crew[Retraining] = Crew(request.tune.trial_timeout_seconds, request.folder / "workers.log")
    try:
        while interrupts() < 2 and (crew or (waiting and not interrupts())):
            while waiting and not interrupts() and len(crew) < request.workers:
                yield _start(request, waiting.pop(0), crew)
            yield from _listen(crew)
    finally:
        crew.kill_all()


def _bring_best(request: Request, ledger: Ledger, top: int, where: str) -> None:
    """Bring home the best trials that were trained, of which other machines have some."""
    trials = ledger.study.get_trials(deepcopy=False)
    for number in ledger.ranked():
        run = RunFolder(request.folder / trial_name(number))
        if artifacts.is_behind(trials[number], run):
            artifacts.bring(where, trials[number], run)
        top -= _was_trained(run)
        if not top:
            return


def _start(request: Request, retraining: Retraining, crew: Crew[Retraining]) -> TrialStarted:
    folder = retraining.folder
    with writing(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
    folder.write(retraining.record)
    job = next_job(request, retraining.document, folder.path, retraining.origin, crew.jobs)
    crew.start(job, retraining)
    return TrialStarted(job)


def _listen(crew: Crew[Retraining]) -> Iterator[SearchEvent]:
    for retraining, job, message in crew.listen():
        match message:
            case EpochEnded(epoch):
                yield TrialProgressed(job, epoch)
                crew.answer(job, None)
            case RunEnded(record):
                yield _close(crew, retraining.folder, record)
            case RunFailed(reason):
                record = known(retraining.folder, retraining.record)
                failed = replace(record, state="failed", reason=reason)
                yield _close(crew, retraining.folder, failed)


def _close(crew: Crew[Retraining], folder: RunFolder, record: RunRecord) -> TrialEnded:
    """Write down how a retraining ended; its weights stay, what only going on needs goes."""
    crew.dismiss(folder.path)
    folder.write(record)
    for checkpoint in (folder.checkpoint, folder.previous_checkpoint):
        with writing(checkpoint):
            checkpoint.unlink(missing_ok=True)
    return TrialEnded(record)
