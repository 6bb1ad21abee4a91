"""Weights and training state as plain arrays in ``.npz`` files; nothing in them can be executed.

A checkpoint holds every variable of the model (weights, moving statistics, the states of random
generators) and of the optimizer, and the number of the epoch that it was taken after.
"""

import zipfile
from collections.abc import Sequence
from typing import IO, Any

import keras
import numpy as np

from dnsearch.errors import Problem, RunError
from dnsearch.train.steps import Trainer


def save_weights(model: keras.Model, file: IO[bytes]) -> None:
    """Write the weights, by the path of each."""
    _write(file, {weight.path: np.asarray(weight) for weight in model.weights})


def load_weights(model: keras.Model, path: str) -> None:
    """Fill a model with saved weights.

    Raises:
        RunError: the file is missing, broken, or of another network.
    """
    arrays = _arrays(path)
    _assign(model.weights, [arrays.get(weight.path) for weight in model.weights], path)


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


def save_checkpoint(trainer: Trainer, epoch: int, file: IO[bytes]) -> None:
    """Write the whole state after an epoch."""
    arrays = {f"{i:05d}": np.asarray(variable) for i, variable in enumerate(_variables(trainer))}
    _write(file, {"epoch": np.asarray(epoch), **arrays})


def load_checkpoint(trainer: Trainer, path: str) -> int:
    """Restore the whole state; returns the epoch that it was taken after.

    Raises:
        RunError: the file is missing, broken, or of another network.
    """
    arrays = _arrays(path)
    variables = _variables(trainer)
    _assign(variables, [arrays.get(f"{i:05d}") for i in range(len(variables))], path)
    return int(arrays["epoch"])


def _variables(trainer: Trainer) -> list[Any]:
    return [*trainer.model.variables, *trainer.optimizer.variables]


def _write(file: IO[bytes], arrays: dict[str, Any]) -> None:
    np.savez(file, **arrays)


def _arrays(path: str) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(str(Problem(path, "a file of saved arrays", str(error)))) from None


def _assign(variables: Sequence[Any], arrays: Sequence[Any], path: str) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        if array is None or array.shape != tuple(variable.shape):
            found = "nothing" if array is None else f"shape {array.shape}"
            expected = f"{variable.path} of shape {tuple(variable.shape)}"
            raise RunError(str(Problem(path, expected, found, "The file is of another network.")))
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
