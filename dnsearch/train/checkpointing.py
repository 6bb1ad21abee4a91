"""What a run keeps in its folder, and how it is taken up again.

The checkpoint is the truth: it is written before all else, and a resume makes the epochs, the weights and the
record's figures of it.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dnsearch import environment
from dnsearch.errors import DnsearchError, Problem, RunError
from dnsearch.plan.cost import Cost
from dnsearch.runs.atomic import replacing, writing
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Notice, Origin, Parameters, RunRecord, opening, with_epoch
from dnsearch.runs.record_json import from_lines, to_lines
from dnsearch.spec.experiment import Experiment
from dnsearch.train.checkpoint import load_checkpoint, load_fitting_weights, save_checkpoint, save_weights
from dnsearch.train.devices import memory_errors_explained
from dnsearch.train.step import Trainer


def begun(folder: RunFolder, experiment: Experiment, costs: Cost, origin: Origin | None) -> RunRecord:
    """The record of a run that starts or goes on now, in this process.

    Raises:
        RunError: the folder is a run of other settings.
    """
    parameters = Parameters(costs.trainable, costs.other)
    record = opening(folder.name, experiment, parameters, costs.macs, origin)
    if folder.record.exists():
        earlier = folder.read()
        if earlier.fingerprint != record.fingerprint:
            expected = "expected the settings that the run was started with, but its spec has changed"
            hint = "Start a new run with dnsearch train."
            raise RunError(str(Problem(str(folder.path), expected, hint=hint)))
        record = replace(earlier, state="running", reason="")
    return replace(
        record,
        versions=environment.versions(),
        hardware=environment.hardware(),
        process=environment.process_identity(),
    )


def refuse_imported(folder: RunFolder) -> None:
    """Keep a training from replacing imported weights: only they are there before a first epoch."""
    if folder.weights.exists() and not folder.epochs_file.exists():
        hint = f"Fine-tune them in a run of their own: set training.start_from to {folder.path}"
        raise RunError(str(Problem(str(folder.path), "a run that was trained", "imported weights", hint)))


def restored(trainer: Trainer, folder: RunFolder, tell: Callable[[Notice], object]) -> list[EpochRecord]:
    """The epochs behind; trainer, epochs and weights are put where the newest good checkpoint stands.

    Raises:
        RunError: no checkpoint is good, or there is none although epochs have ended.
    """
    damage: list[RunError] = []
    for path in (folder.checkpoint, folder.previous_checkpoint):
        if not path.exists():
            continue
        try:
            history = from_lines(load_checkpoint(trainer, str(path)), str(path))
        except RunError as error:
            damage.append(error)
            continue
        if damage:
            tell(_set_aside(folder, damage[0], len(history)))
        folder.write_epochs(history)
        _keep_weights(folder, trainer)
        return history
    if damage or folder.epochs():
        raise _no_checkpoint(folder, damage)
    return []


def _set_aside(folder: RunFolder, damage: RunError, epoch: int) -> Notice:
    """Move the damaged checkpoint away, or the next save would put it in the place of the good one."""
    kept = folder.damaged_checkpoint
    with writing(kept):
        folder.checkpoint.replace(kept)
    going_on = f"the run goes on from {folder.previous_checkpoint.name}, after epoch {epoch}"
    return Notice(f"{damage}\n  It is kept as {kept.name}; {going_on}.")


def _no_checkpoint(folder: RunFolder, damage: list[RunError]) -> RunError:
    found = "" if damage else f"none after {len(folder.epochs())} epochs"
    expected = "a good checkpoint to go on from" if found else "there is no good checkpoint to go on from"
    hint = f"Nothing was deleted. Start it anew with: dnsearch train {folder.resolved}"
    problem = Problem(str(folder.path), expected, found, hint)
    return RunError("\n\n".join(map(str, [*damage, problem])))


def caught_up(record: RunRecord, history: list[EpochRecord]) -> RunRecord:
    """The record with the figures of the epochs behind; they differ where a process died while it saved."""
    if record.epochs != len(history):
        record = replace(record, epochs=0, last=None, best=None, best_epoch=None, test=None)
        for epoch in history:
            record = with_epoch(record, epoch, record.wall_seconds, record.peak_memory_bytes or 0)
    return record


def start_from(source: Path, trainer: Trainer, folder: RunFolder) -> None:
    """Take over another run's weights, and keep which layers they do not fit."""
    afresh = load_fitting_weights(trainer.model, str(RunFolder.open(source).weights))
    trainer.take_over()
    folder.write_start(str(source), afresh)


def keep(folder: RunFolder, trainer: Trainer, history: list[EpochRecord], record: RunRecord) -> None:
    """Save an epoch.

    The process may die between any two of these. A resume starts from the checkpoint and makes the others of
    it; so it comes first.
    """
    with memory_errors_explained(f"while epoch {len(history)} was saved"):
        with folder.replacing_checkpoint() as file:
            save_checkpoint(trainer, to_lines(history), file)
        folder.append(history[-1])
        _keep_weights(folder, trainer)
        folder.write(record)


def _keep_weights(folder: RunFolder, trainer: Trainer) -> None:
    with replacing(folder.weights) as file:
        save_weights(trainer.model, file)


def keep_failure(folder: RunFolder, record: RunRecord, error: Exception) -> None:
    """Write down why a run failed, if that can be written: the error itself may be that nothing can be."""
    reason = str(error) if isinstance(error, DnsearchError) else f"{type(error).__name__}: {error}"
    with contextlib.suppress(RunError):
        folder.write(replace(record, state="failed", reason=reason))
