"""What a trial asks for, and what is known of it before it is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import Trial

from dnsearch.errors import RunError
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import Origin, Parameters, RunRecord, opening
from dnsearch.spec.document import Document
from dnsearch.study.book.ledger import Ledger
from dnsearch.study.sampling.feasibility import Judge, costs_of
from dnsearch.study.sampling.fidelity import staged


@dataclass(frozen=True)
class Proposal:
    """A trial with its spec and its run folder.

    Args:
        trial: Optuna's trial.
        document: its spec.
        folder: its run folder.
        origin: study and number.
        record: what its folder should say as long as no child has written there.
        twin: the number of an earlier trial with the same settings.
    """

    trial: Trial
    document: Document
    folder: RunFolder
    origin: Origin
    record: RunRecord
    twin: int | None = None


@dataclass(frozen=True, slots=True)
class Infeasible:
    """A proposal that is no trial: what refuses it, and why."""

    number: int
    reasons: Mapping[str, str]


def propose(ledger: Ledger, trial: Trial, folder: Path, judge: Judge) -> Proposal | Infeasible:
    """Work out what a trial asks for, and whether it may be tried.

    Args:
        ledger: the study's book.
        trial: a new trial, or one that an earlier search left running.
        folder: the study's folder.
        judge: what proposals are judged by.

    Raises:
        RunError: the run folder cannot be made.
    """
    judgement = judge.of(ledger.choice(trial).values, f"trial {trial.number}")
    ledger.judge(trial, judgement)
    if judgement.budget is None or judgement.reasons:
        return Infeasible(trial.number, judgement.reasons)
    origin = Origin(folder.name, trial.number)
    run = RunFolder(folder / trial_name(trial.number))
    with writing(run.path):
        run.path.mkdir(exist_ok=True)
    document = staged(judgement.budget.document, judge.tune, judge.image_shape, judge.classes)
    costs = judgement.budget.summary.cost
    ledger.note(trial, document, costs_of(judgement.budget.summary))
    parameters = Parameters(costs.trainable, costs.other)
    record = opening(run.name, document.experiment, parameters, costs.macs, origin)
    return Proposal(trial, document, run, origin, known(run, record), ledger.twin(trial))


def known(run: RunFolder, record: RunRecord) -> RunRecord:
    """The folder's own record, if it is of the same settings; else the one given."""
    try:
        found = run.read()
    except RunError:
        return record
    return found if found.fingerprint == record.fingerprint else record
