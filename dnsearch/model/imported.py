"""The weights of keras.applications' DenseNets, in our layers.

There a BatchNorm and the convolution behind it are two layers; here they are one. Names and shapes have to
agree, weight by weight, before anything is changed; the file may leave out the classifier alone.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from dnsearch.errors import Problem, RunError
from dnsearch.model.keras_file import Stored, opened

CLASSIFIER = "predictions"
FIXED = {
    "stem_conv": ("", "conv1_conv"),
    "stem_activation": ("conv1_bn", ""),
    "head_activation": ("bn", ""),
    "head_classifier": ("", CLASSIFIER),
}
BATCH_NORM = {"gamma", "beta", "moving_mean", "moving_variance"}
_LAYER = re.compile(r"block(\d+)_layer(\d+)_(bottleneck|growth)_conv")
_TRANSITION = re.compile(r"transition(\d+)_compression_conv")
_KERAS_LAYER = re.compile(r"conv(\d+)_block\d+_2_conv/kernel")


def import_weights(model: keras.Model, path: Path) -> tuple[str, ...]:
    """Fill a model with a file's weights; returns the layers that keep theirs, since it has none for them.

    Args:
        model: a DenseNet that ``build`` built, of the form of keras.applications'.
        path: a file that ``keras_file`` reads.

    Raises:
        RunError: the file cannot be read, or is of another network.
    """
    wanted = {keras_name(weight.path): weight for weight in model.weights}
    with opened(path) as found:
        left_out = tuple(name for name in wanted if name.startswith(f"{CLASSIFIER}/"))
        if any(name in found for name in left_out):
            left_out = ()
        taken = {name: weight for name, weight in wanted.items() if name not in left_out}
        _check(taken, found, path)
        arrays = {name: np.asarray(found[name], np.float32) for name in taken}
    _check_finite(arrays, path)
    for name, weight in taken.items():
        weight.assign(arrays[name])
    return tuple(dict.fromkeys(wanted[name].path.partition("/")[0] for name in left_out))


def keras_name(path: str) -> str:
    """What keras.applications calls the weight of one of our layers; its own path where there is no such one.

    >>> keras_name("block1_layer2_growth_conv/gamma"), keras_name("block1_layer2_growth_conv/kernel")
    ('conv2_block2_1_bn/gamma', 'conv2_block2_2_conv/kernel')
    """
    layer, _, weight = path.partition("/")
    norm, convolution = _keras_layers(layer)
    return f"{(norm if weight in BATCH_NORM else convolution) or layer}/{weight}"


def _keras_layers(layer: str) -> tuple[str, str]:
    """The BatchNorm and the convolution that one of our layers is, where it has them."""
    if found := _LAYER.fullmatch(layer):
        place, first = f"conv{int(found[1]) + 1}_block{found[2]}", int(found[3] == "growth")
        return f"{place}_{first}_bn", f"{place}_{first + 1}_conv"
    if found := _TRANSITION.fullmatch(layer):
        return f"pool{int(found[1]) + 1}_bn", f"pool{int(found[1]) + 1}_conv"
    return FIXED.get(layer, ("", ""))


def _check(wanted: Mapping[str, Any], found: Stored, path: Path) -> None:
    """Names, shapes and kinds of numbers, all of them, before anything is read."""
    faults = {name: _fault(weight, found.get(name)) for name, weight in wanted.items()}
    faults |= {name: "it in the file alone" for name in found if name not in wanted}
    wrong = [name for name, fault in faults.items() if fault]
    if wrong:
        name, *others = wrong
        shape = f" of shape {tuple(wanted[name].shape)}" if name in wanted else " in the network"
        more = f", and {len(others)} more that do not fit" if others else ""
        raise RunError(
            str(Problem(str(path), name + shape, faults[name] + more, _hint(wrong, wanted, found)))
        )


def _hint(wrong: Iterable[str], wanted: Iterable[str], found: Iterable[str]) -> str:
    if all(name.startswith(f"{CLASSIFIER}/") for name in wrong):
        return "Import the file with its own data.classes; training.start_from fine-tunes for other classes."
    return f"The file has {_blocks(found)}; the network has {_blocks(wanted)}."


def _fault(weight: Any, dataset: Any) -> str:  # noqa: ANN401  (a keras.Variable and an h5py.Dataset, if any)
    """What is wrong with a weight of the file; empty where nothing is."""
    shape = getattr(dataset, "shape", None)
    if shape is None:
        return "nothing"
    if shape != tuple(weight.shape):
        return f"shape {shape}"
    return "" if dataset.dtype.kind == "f" else f"numbers of type {dataset.dtype}"


def _blocks(names: Iterable[str]) -> str:
    """What a person calls a DenseNet by: how many layers its blocks have."""
    numbers = [int(found[1]) for name in names if (found := _KERAS_LAYER.fullmatch(name))]
    layers = ", ".join(str(numbers.count(number)) for number in sorted(set(numbers)))
    return f"blocks of {layers} layers" if layers else "no dense blocks of keras.applications' names"


def _check_finite(arrays: Mapping[str, Any], path: Path) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise RunError(
                str(Problem(str(path), f"finite numbers in {name}", "others", "The file is damaged."))
            )
