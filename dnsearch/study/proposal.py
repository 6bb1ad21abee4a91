"""What a trial asks for, and what is known of it before it is trained."""

from dataclasses import dataclass, replace
from pathlib import Path

from optuna.trial import Trial

from dnsearch.budget import budgeted
from dnsearch.errors import RunError, SpecError
from dnsearch.records.atomic import writing
from dnsearch.records.opening import opening
from dnsearch.records.record import Origin, Parameters, RunRecord
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import Document
from dnsearch.study.ledger import Ledger


@dataclass(frozen=True)
class Proposal:
    """A trial with its spec and its run folder.

    Args:
        trial: Optuna's trial.
        document: its spec; the base spec where the proposed values do not fit together.
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


def propose(
    ledger: Ledger, trial: Trial, folder: Path, images: tuple[tuple[int, ...], int], *, limits: bool = True
) -> Proposal:
    """Work out what a trial asks for; its record is a failed one where it cannot be built.

    Args:
        ledger: the study's book.
        trial: a new trial, or one that an earlier search left running.
        folder: the study's folder.
        images: shape of the images and number of classes.
        limits: whether the spec's limits hold.

    Raises:
        RunError: the run folder cannot be made.
    """
    origin = Origin(folder.name, trial.number)
    run = RunFolder(folder / trial_name(trial.number))
    with writing(run.path):
        run.path.mkdir(exist_ok=True)
    document, values = ledger.document, ledger.values(trial)
    try:
        budget = budgeted(ledger.spec(trial, values), *images, limits=limits)
        document, costs = budget.document, budget.summary.cost
        ledger.note(trial, document)
    except SpecError as error:
        record = opening(run.name, document.experiment, None, None, origin)
        wanted = {**record.settings, **values}
        record = replace(record, settings=wanted, state="failed", reason=str(error))
        return Proposal(trial, document, run, origin, record)
    parameters = Parameters(costs.trainable, costs.other)
    record = opening(run.name, document.experiment, parameters, costs.macs, origin)
    return Proposal(trial, document, run, origin, known(run, record), ledger.twin(trial))


def trial_name(number: int) -> str:
    """Name of a trial's run folder.

    >>> trial_name(7)
    'trial-0007'
    """
    return f"trial-{number:04d}"


def known(run: RunFolder, record: RunRecord) -> RunRecord:
    """The folder's own record, if it is of the same settings; else the one given."""
    try:
        found = run.read()
    except RunError:
        return record
    return found if found.fingerprint == record.fingerprint else record
