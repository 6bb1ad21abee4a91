"""What a trial asks for, what is known of it before it is trained, and what a search keeps of the best.

Looking into every folder after every trial would make a search of 10,000 trials slow. A trial that ends is
either among the best, and then the one just behind them loses its files, or it loses its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from optuna.trial import Trial

from dnsearch.errors import RunError
from dnsearch.plan.limits import Planned
from dnsearch.runs.atomic import writing
from dnsearch.runs.cleaning import heavy, remove
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import Origin, Parameters, RunRecord, opening, with_epoch
from dnsearch.search.feasibility import Judge, costs_of
from dnsearch.search.fidelity import staged
from dnsearch.search.trial_store import TrialStore
from dnsearch.spec.training import OF_PIXELS, Training

SMALLEST_PART = 2
"""Images of a part of a batch, which BatchNorm needs for a variance."""


@dataclass(frozen=True)
class Proposal:
    """A trial with its spec and its run folder.

    Args:
        trial: Optuna's trial.
        planned: its spec and network.
        folder: its run folder.
        origin: study and number.
        record: what its folder shall say until a training writes there.
        twin: the number of an earlier trial with the same settings.
    """

    trial: Trial
    planned: Planned
    folder: RunFolder
    origin: Origin
    record: RunRecord
    twin: int | None = None


@dataclass(frozen=True, slots=True)
class Infeasible:
    """A proposal that is no trial: what refuses it, and why."""

    number: int
    reasons: Mapping[str, str]


def propose(store: TrialStore, trial: Trial, folder: Path, judge: Judge) -> Proposal | Infeasible:
    """Work out what a trial asks for, and whether it may be tried.

    Args:
        store: the study's trials.
        trial: a new trial, or one that an earlier search left running.
        folder: the study's folder.
        judge: what proposals are judged by.

    Raises:
        RunError: the run folder cannot be created.
    """
    judgement = judge.of(store.choice(trial).values, f"trial {trial.number}")
    store.judge(trial, judgement)
    if judgement.planned is None or judgement.reasons:
        return Infeasible(trial.number, judgement.reasons)
    origin = Origin(folder.name, trial.number)
    run = RunFolder(folder / trial_name(trial.number))
    with writing(run.path):
        run.path.mkdir(exist_ok=True)
    document = staged(judgement.planned.document, judge.tune, judge.image_shape, judge.classes)
    planned, costs = replace(judgement.planned, document=document), judgement.planned.summary.cost
    store.note(trial, document, costs_of(planned.summary))
    parameters = Parameters(costs.trainable, costs.other)
    record = opening(run.name, document.experiment, parameters, costs.macs, origin)
    twin = store.twin(trial.number, record.fingerprint)
    return Proposal(trial, planned, run, origin, known(run, record), twin)


def known(run: RunFolder, record: RunRecord) -> RunRecord:
    """The folder's own record, if it is of the same settings; else the one given."""
    try:
        found = run.read()
    except RunError:
        return record
    return found if found.fingerprint == record.fingerprint else record


def failed(run: RunFolder, record: RunRecord, reason: str) -> RunRecord:
    """The record of a run that could not end by itself, with the epochs that its folder has."""
    return replace(caught_up(run, known(run, record)), state="failed", reason=reason)


def caught_up(run: RunFolder, record: RunRecord) -> RunRecord:
    """The record with all epochs of its folder; a process that was killed may have written some after it."""
    for epoch in run.epochs():
        if epoch.epoch > record.epochs:
            spent = record.wall_seconds + epoch.wall_seconds
            record = with_epoch(record, epoch, spent, record.peak_memory_bytes or 0)
    return record


def same_as(proposal: Proposal, twin: RunRecord) -> RunRecord:
    """The record of a trial whose settings another trial had: that one's outcome, without its time."""
    because = f": {twin.reason}" if twin.state == "failed" else ""
    return replace(
        twin,
        name=proposal.folder.name,
        trial=proposal.origin.trial,
        reason=f"same settings as {twin.name}; not trained again{because}",
        wall_seconds=0.0,
    )


def in_more_parts(record: RunRecord, training: Training) -> RunRecord | None:
    """The record for a second try after memory ran out, with each batch in twice the parts.

    The trial's settings, and so its fingerprint and its place in the search, do not change: whoever trains in
    its folder goes by the record. The gradients of the parts add up to the batch's; BatchNorm sees each part
    for itself, which is a small difference, and so the leaderboard shows the parts.

    Args:
        record: the trial's, as its folder has it.
        training: what its spec asks for.

    Returns:
        None where that was tried before, or batches cannot be divided further.
    """
    parts = 2 * training.accumulate
    whole = training.loss in OF_PIXELS  # a ratio over the whole batch, which is no sum over its parts
    if record.parts is not None or whole or training.batch_size < SMALLEST_PART * parts:
        return None
    return replace(record, parts=parts, state="running", reason="")


def thin(folder: Path, ranked: Sequence[int], ended: int, keep: int) -> None:
    """Remove checkpoints and weights of a trial that ended, or of the one that it pushed out of the best.

    Args:
        folder: the study's folder.
        ranked: numbers of the finished trials, the best first.
        ended: number of the trial that ended just now.
        keep: how many of the best keep everything.

    Raises:
        RunError: a file cannot be removed.
    """
    for number in {ended, *ranked[keep : keep + 1]} - {*ranked[:keep]}:
        remove(heavy(RunFolder(folder / trial_name(number))))
