"""What a run saves in its folder, and how it is resumed; nothing in the files can be executed.

A checkpoint is an ``.npz`` file of every variable of a trainer, the history of the run and a checksum. A file
is checked as a whole before anything is assigned, so a model is either filled or left as it was. Arrays are
not compressed, and their names, types and shapes are compared before one is read: so no file takes more
memory than its own size and the network's.
"""

import contextlib
import hashlib
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
import tensorflow as tf

from dnsearch import environment, input_files
from dnsearch.errors import DnsearchError, Problem, RunError
from dnsearch.plan.cost import Cost
from dnsearch.runs.atomic import replacing, writing
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Notice, Origin, Parameters, RunRecord, opening, with_epoch
from dnsearch.runs.record_json import from_lines, to_lines
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.tune import Select
from dnsearch.train.devices import memory_errors_explained
from dnsearch.train.step import Trainer

HISTORY, CHECKSUM = "history", "sha256"
MEND = "The file was damaged; restore it from a copy, or train again."


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights, by the path of each."""
    arrays: dict[str, Any] = {weight.path: np.asarray(weight) for weight in model.weights}
    with replacing(path) as file:
        np.savez(file, **arrays)


def load_weights(model: keras.Model, path: Path) -> None:
    """Fill a model with saved weights."""
    variables = {weight.path: weight for weight in model.weights}
    with _opened(path) as archive:
        arrays = _checked(variables, archive, path)
    for name, variable in variables.items():
        variable.assign(arrays[name])


def load_fitting_weights(model: keras.Model, path: Path) -> tuple[str, ...]:
    """Fill the layers whose weights are all saved in their shapes; returns the names of the others."""
    layers = {weight.path: weight.path.rpartition("/")[0] for weight in model.weights}
    with _opened(path) as archive:
        saved = _names(archive)
        unfit = [
            layers[weight.path]
            for weight in model.weights
            if weight.path not in saved or _header(archive, weight.path) != _kind(weight)
        ]
        fitting = [weight for weight in model.weights if layers[weight.path] not in unfit]
        arrays = {weight.path: _array(archive, weight.path) for weight in fitting}
    if not fitting:
        expected = "weights in the shapes of the new network"
        raise RunError(str(Problem(str(path), expected, "no layer that fits")))
    for weight in fitting:
        weight.assign(arrays[weight.path])
    return tuple(dict.fromkeys(unfit))


def save_checkpoint(trainer: Trainer, history: bytes, file: IO[bytes]) -> None:
    """Write the whole state and, in the caller's words, what led to it."""
    arrays: dict[str, Any] = {name: np.asarray(variable) for name, variable in trainer.variables.items()}
    arrays[HISTORY] = np.frombuffer(history, np.uint8)
    arrays[CHECKSUM] = _checksum(arrays)
    np.savez(file, **arrays)


def load_checkpoint(trainer: Trainer, path: Path) -> bytes:
    """Restore the whole state; returns the history that it was saved with."""
    with _opened(path) as archive:
        if not {HISTORY, CHECKSUM} <= _names(archive):
            expected = f"a checkpoint, with its {HISTORY} and {CHECKSUM}"
            raise RunError(str(Problem(str(path), expected, "none", MEND)))
        arrays = _checked(trainer.variables, archive, path, HISTORY, CHECKSUM)
    if arrays.pop(CHECKSUM).tobytes() != _checksum(arrays).tobytes():
        raise RunError(str(Problem(str(path), f"content that fits its {CHECKSUM}", "other content", MEND)))
    for name, variable in trainer.variables.items():
        variable.assign(arrays[name])
    trainer.fill_model()
    history: bytes = arrays[HISTORY].tobytes()
    return history


def _checksum(arrays: Mapping[str, Any]) -> Any:  # noqa: ANN401  (an array)
    """The SHA-256 of names, kinds, shapes and content, as 32 bytes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An ``.npz`` file; whatever is wrong with its bytes is a RunError, also where the block reads them."""
    try:
        with (
            memory_errors_explained(f"while {path.name} was read"),
            input_files.opened(path) as file,
            zipfile.ZipFile(file) as archive,
        ):
            yield archive
    except DnsearchError:
        raise
    except Exception as error:  # damaged bytes make zipfile, tokenize and NumPy raise nearly anything
        found = f"{getattr(error, 'strerror', None) or str(error) or type(error).__name__}"
        hint = "" if isinstance(error, OSError) else MEND
        raise RunError(str(Problem(str(path), "a file of saved arrays", found, hint))) from error


def _names(archive: zipfile.ZipFile) -> set[str]:
    return {name.removesuffix(".npy") for name in archive.namelist()}


def _header(archive: zipfile.ZipFile, name: str) -> str:
    """Type and shape of an array that can be read as it is; of any other a ValueError."""
    with archive.open(f"{name}.npy") as file:
        try:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError(f"{name} in another version of NumPy's format")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        except MemoryError as error:  # Python's parser has no other word for some brackets
            raise ValueError(f"a damaged header of {name}") from error
    if archive.getinfo(f"{name}.npy").compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name}, compressed")
    if dtype.itemsize * math.prod(shape) > Path(str(archive.filename)).stat().st_size:
        raise ValueError(f"{name} of shape {shape}, more than the whole file")
    return f"{dtype} of shape {shape}"


def _kind(variable: Any) -> str:  # noqa: ANN401  (of Keras or TensorFlow)
    return f"{tf.as_dtype(variable.dtype).name} of shape {tuple(variable.shape)}"


def _array(archive: zipfile.ZipFile, name: str) -> Any:  # noqa: ANN401  (an array)
    _header(archive, name)
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _checked(
    variables: Mapping[str, Any], archive: zipfile.ZipFile, path: Path, *more: str
) -> dict[str, Any]:
    """The saved arrays, if they are those of the variables, and ``more`` of any kind."""
    hint, saved = "The file is of another network, or of another version of dnsearch.", _names(archive)
    for name, variable in variables.items():
        wanted, found = _kind(variable), _header(archive, name) if name in saved else "nothing"
        if found != wanted:
            raise RunError(str(Problem(str(path), f"{name}, {wanted}", found[:200], hint)))
    if unknown := sorted(saved - variables.keys() - {*more}):
        also = f"also {', '.join(unknown[:3]):.200}"
        raise RunError(str(Problem(str(path), f"{len(variables)} arrays", also, hint)))
    return {name: _array(archive, name) for name in (*variables, *more)}


def begun(folder: RunFolder, experiment: Experiment, costs: Cost, origin: Origin | None) -> RunRecord:
    """The record of a run that starts or goes on now, in this process; a run of other settings is refused."""
    record = opening(folder.name, experiment, Parameters(costs.trainable, costs.other), costs.macs, origin)
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
    """Do not let a training replace imported weights: only they are there before a first epoch."""
    if folder.weights.exists() and not folder.epochs_file.exists():
        hint = f"Fine-tune them in a run of their own: set training.start_from to {folder.path}"
        raise RunError(str(Problem(str(folder.path), "a run that was trained", "imported weights", hint)))


def start_from(source: Path, trainer: Trainer, folder: RunFolder) -> None:
    """Take over another run's weights, and save which layers they do not fit."""
    afresh = load_fitting_weights(trainer.model, RunFolder.open(source).weights)
    trainer.take_over()
    folder.write_start(str(source), afresh)


def restored(
    trainer: Trainer, folder: RunFolder, tell: Callable[[Notice], object], select: Select
) -> list[EpochRecord]:
    """The epochs of the newest good checkpoint; trainer, epochs and weights are brought in line with it.

    With ``select`` best the weights are those of the best epoch: of an earlier one they were saved before.
    """
    damage: list[RunError] = []
    for path in (folder.checkpoint, folder.previous_checkpoint):
        if not path.exists():
            continue
        try:
            history = from_lines(load_checkpoint(trainer, path), str(path))
        except RunError as error:
            damage.append(error)
            continue
        if damage:
            # The next save would put it in the place of the good one.
            with writing(folder.damaged_checkpoint):
                folder.checkpoint.replace(folder.damaged_checkpoint)
            going_on = f"the run goes on from {path.name}, after epoch {len(history)}"
            tell(Notice(f"{damage[0]}\n  It is kept as {folder.damaged_checkpoint.name}; {going_on}."))
        folder.write_epochs(history)
        best = max(history, key=lambda each: each.validation.score).epoch  # of equal ones the first
        if select == "last" or best == len(history):
            save_weights(trainer.model, folder.weights)
        return history
    if damage:
        expected = "there is no good checkpoint to go on from"
    elif epochs := folder.epochs():
        expected = f"expected a good checkpoint to go on from, found none after {len(epochs)} epochs"
    else:
        return []
    hint = f"Nothing was deleted. Start it anew with: dnsearch train {folder.resolved}"
    raise RunError("\n\n".join(map(str, [*damage, Problem(str(folder.path), expected, hint=hint)])))


def caught_up(record: RunRecord, history: list[EpochRecord]) -> RunRecord:
    """The record with the figures of the epochs behind; they differ where a process died while it saved."""
    if record.epochs != len(history):
        record = replace(record, epochs=0, last=None, best=None, best_epoch=None, test=None)
        for epoch in history:
            record = with_epoch(record, epoch, record.wall_seconds, record.peak_memory_bytes or 0)
    return record


def save_epoch(
    folder: RunFolder, trainer: Trainer, history: list[EpochRecord], record: RunRecord, select: Select
) -> None:
    """Save what an epoch has led to: first the checkpoint, of which a resume can make all the others.

    With ``select`` best the weights stay those of the best epoch so far.
    """
    with memory_errors_explained(f"while epoch {len(history)} was saved"):
        with folder.replacing_checkpoint() as file:
            save_checkpoint(trainer, to_lines(history), file)
        folder.append(history[-1])
        if select == "last" or record.best_epoch == len(history):
            save_weights(trainer.model, folder.weights)
        folder.write(record)


def save_failure(folder: RunFolder, record: RunRecord, error: Exception) -> None:
    """Write down why a run failed, if that can be written: the error itself may be that nothing can be."""
    reason = str(error) if isinstance(error, DnsearchError) else f"{type(error).__name__}: {error}"
    with contextlib.suppress(RunError):
        folder.write(replace(record, state="failed", reason=reason))
