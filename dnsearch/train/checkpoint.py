"""Weights and training state as plain arrays in ``.npz`` files; nothing in them can be executed.

A checkpoint holds every variable of a trainer (the model's weights, moving statistics and states of random
generators, the optimizer's, the averaged weights), the history of the run up to there, and a checksum over
all of it. A file is looked at as a whole before anything is assigned, so a model is either filled or left
as it was.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
import tensorflow as tf

from dnsearch.errors import Problem, RunError
from dnsearch.train.step import Trainer

DAMAGED = (ValueError, TypeError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile)
"""What NumPy and zipfile raise over files that are no archive, or one with flipped or missing bytes."""

HISTORY, CHECKSUM = "history", "sha256"
MEND = "The file was damaged; restore it from a copy, or train again."


def save_weights(model: keras.Model, file: IO[bytes]) -> None:
    """Write the weights, by the path of each."""
    _write(file, _weights(model))


def load_weights(model: keras.Model, path: str) -> None:
    """Fill a model with saved weights.

    Raises:
        RunError: the file is missing, broken, or of another network.
    """
    _assign(_weights(model), _arrays(path), path)


def load_fitting_weights(model: keras.Model, path: str) -> tuple[str, ...]:
    """Fill the layers whose weights are all saved in their shapes; returns the names of the others.

    Raises:
        RunError: the file is missing or broken, or no layer fits.
    """
    arrays = _arrays(path)
    unfit = {
        weight.path: weight.path.rpartition("/")[0]
        for weight in model.weights
        if weight.path not in arrays or arrays[weight.path].shape != tuple(weight.shape)
    }
    afresh = tuple(dict.fromkeys(unfit.values()))
    fitting = [weight for weight in model.weights if weight.path.rpartition("/")[0] not in afresh]
    if not fitting:
        raise RunError(str(Problem(path, "layers that the new network has too", "none of their shapes")))
    for weight in fitting:
        weight.assign(arrays[weight.path])
    return afresh


def save_checkpoint(trainer: Trainer, history: bytes, file: IO[bytes]) -> None:
    """Write the whole state and, in the caller's words, what led to it."""
    arrays = {name: np.asarray(variable) for name, variable in trainer.variables.items()}
    arrays[HISTORY] = np.frombuffer(history, np.uint8)
    _write(file, {**arrays, CHECKSUM: _checksum(arrays)})


def load_checkpoint(trainer: Trainer, path: str) -> bytes:
    """Restore the whole state; returns the history that it was saved with.

    Raises:
        RunError: the file is missing, broken, changed, or of another network.
    """
    arrays = _arrays(path)
    found = arrays.pop(CHECKSUM, None)
    if found is None or HISTORY not in arrays:
        raise RunError(str(Problem(path, f"a checkpoint, with its {HISTORY} and {CHECKSUM}", "none", MEND)))
    if found.tobytes() != _checksum(arrays).tobytes():
        raise RunError(str(Problem(path, f"content that fits its {CHECKSUM}", "other content", MEND)))
    history: bytes = arrays.pop(HISTORY).tobytes()
    _assign(trainer.variables, arrays, path)
    trainer.settle()
    return history


def _checksum(arrays: Mapping[str, Any]) -> Any:  # noqa: ANN401  (an array)
    """The SHA-256 of names, kinds, shapes and content, as 32 bytes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _weights(model: keras.Model) -> dict[str, Any]:
    return {weight.path: weight for weight in model.weights}


def _write(file: IO[bytes], variables: Mapping[str, Any]) -> None:
    arrays: dict[str, Any] = {name: np.asarray(variable) for name, variable in variables.items()}
    np.savez(file, **arrays)


def _arrays(path: str) -> dict[str, Any]:
    try:
        # Opened here, since NumPy leaves a file open when it is no archive.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in arrays.files}
    except OSError as error:
        found = error.strerror or str(error)
        raise RunError(str(Problem(path, "a file of saved arrays", found))) from error
    except DAMAGED as error:
        raise RunError(str(Problem(path, "a file of saved arrays", str(error), MEND))) from error


def _assign(variables: Mapping[str, Any], arrays: Mapping[str, Any], path: str) -> None:
    for name, variable in variables.items():
        dtype = tf.as_dtype(variable.dtype).name
        expected = f"{name}, {dtype} of shape {tuple(variable.shape)}"
        if name not in arrays:
            raise _other_network(path, expected, "nothing")
        array = arrays[name]
        if array.shape != tuple(variable.shape) or array.dtype != dtype:
            raise _other_network(path, expected, f"{array.dtype} of shape {array.shape}")
    if unknown := sorted(arrays.keys() - variables.keys()):
        raise _other_network(path, f"{len(variables)} arrays", f"also {', '.join(unknown[:3])}")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _other_network(path: str, expected: str, found: str) -> RunError:
    hint = "The file is of another network, or of another version of dnsearch."
    return RunError(str(Problem(path, expected, found, hint)))
