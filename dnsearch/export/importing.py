"""``import-weights``: a file with the weights of keras.applications' DenseNet becomes a run.

The file is read with h5py alone: nothing in it is executed. It is of Keras 1 or 2, as keras.applications
distributes its weights, or what Keras 3's ``Model.save_weights`` writes::

    densenet121.h5                              densenet121.weights.h5
     │   layer_names: conv1/conv, …              └── layers
     └── conv1/conv                                   └── conv2d
          │   weight_names: conv1/conv/kernel:0            └── vars
          └── conv1/conv/kernel:0                               │   name: conv1_conv
                                                                └── 0

Links out of the file are refused: they would let a file from a stranger read others on this machine. Names
and shapes have to agree before anything is changed; the file may leave out the classifier alone.
"""

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from dnsearch import environment
from dnsearch.data import class_folder
from dnsearch.data.dataset import Scaling
from dnsearch.data.facts import check_declared, facts
from dnsearch.errors import Problem, RunError, SpecError
from dnsearch.export.stock import BATCH_NORM
from dnsearch.model.build import build
from dnsearch.plan.cost import cost
from dnsearch.plan.network import plan_network
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.lock import locked
from dnsearch.runs.record import Parameters, RunRecord, opening
from dnsearch.spec.data_section import Data, Facts
from dnsearch.spec.document import Document, load, resolved_yaml, settings
from dnsearch.train.checkpoint import save_weights
from dnsearch.train.state import start_afresh

IMAGENET = Scaling((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255))
"""What ``keras.applications.densenet.preprocess_input`` does to pixels from 0 to 255."""

UNSEEN = ("activation", "pooling", "stem.stride", "stem.pooling", "batch_norm.epsilon")
"""Fields of the network that change what weights compute and not their shapes."""

UNREADABLE = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, MemoryError)
"""What h5py raises over files that are no HDF5, or damaged ones."""
NAMES_BYTES = 2**27
"""Names need far less; HDF5 takes up to 4 GiB before it sees that a text's length is damaged."""
FORMER_NAMES = {"fc1000": "predictions"}  # layers that an earlier keras.applications called otherwise
HINT = "Keras' Model.save_weights writes such files (.h5, .weights.h5); a .keras file is none."
EARLY = "An early Keras 3 wrote the file; load it into its network with a later one and save again."
CLASSIFIER = "predictions"
FIXED = {"stem_conv": ("", "conv1_conv"), "stem_activation": ("conv1_bn", "")}
FIXED |= {"head_activation": ("bn", ""), "head_classifier": ("", CLASSIFIER)}
_LAYER = re.compile(r"block(\d+)_layer(\d+)_(bottleneck|growth)_conv")
_TRANSITION = re.compile(r"transition(\d+)_compression_conv")
_KERAS_LAYER = re.compile(r"conv(\d+)_block\d+_2_conv/kernel")


@dataclass(frozen=True, slots=True)
class Imported:
    """A run of imported weights, none for ``fresh`` layers; ``differences`` are of ``UNSEEN`` settings."""

    folder: RunFolder
    record: RunRecord
    fresh: tuple[str, ...]
    differences: tuple[str, ...]


def import_run(document: Document, weights: Path, runs: Path) -> Imported:
    """Make a run of a spec's network, such as the preset densenet-121, and a file with weights for it.

    Raises:
        SpecError: the network does not fit the images, or they are not RGB.
        DataError: the spec does not declare its data, or the data is something else.
        RunError: the file cannot be read or is of another network, or the folder cannot be made.
    """
    experiment = document.experiment
    known = facts(experiment.data)
    if (channels := known.image_shape[2]) != len(IMAGENET.offset):
        expected = "3 channels: the weights of keras.applications read RGB"
        raise document.located(SpecError([Problem("data.image_shape", expected, found=f"{channels}")]))
    plan = plan_network(experiment.network, known.image_shape, known.classes)
    costs = cost(plan)
    start_afresh(experiment.training.seed)
    model = build(plan, experiment.name)
    fresh = import_weights(model, weights)
    names = _class_names(experiment.data, known)
    parameters = Parameters(costs.trainable, costs.other)
    folder = RunFolder.create(runs, experiment.name)
    with locked(folder.lock):
        folder.write_spec(document.text, resolved_yaml(experiment))
        folder.write_preprocessing(IMAGENET.as_json(), known.image_shape, names)
        save_weights(model, folder.weights)
        record = opening(folder.name, experiment, parameters, costs.macs, origin=None)
        without = f", which has no weights for {', '.join(fresh)}" if fresh else ""
        reason = f"weights imported from {weights}{without}"
        record = replace(record, state="finished", reason=reason, versions=environment.versions())
        folder.write(record)
    ours, theirs = settings(experiment), settings(load("densenet-121").experiment)
    unlike = [path for path in (f"network.{field}" for field in UNSEEN) if ours[path] != theirs[path]]
    differences = (f"{path} is {ours[path]}, in keras.applications {theirs[path]}" for path in unlike)
    return Imported(folder, record, fresh, tuple(differences))


def _class_names(data: Data, known: Facts) -> tuple[str, ...]:
    """The names of the data's sub-folders if they exist, sorted as ImageNet's weights are; else numbers."""
    place = Path(data.location)
    if data.source != "folder" or not place.is_dir():
        return tuple(map(str, range(known.classes)))
    names = class_folder.class_names(data)
    check_declared(data, known.image_shape, len(names), place)
    return names


@contextlib.contextmanager
def opened(path: Path) -> Iterator[dict[str, Any]]:
    """For a block, ``layer/weight`` → its ``h5py.Dataset``; a RunError where one read there is damaged."""
    expected = "a file of Keras weights"
    if not path.is_file():
        raise _refusal(path, expected, "a folder" if path.is_dir() else "nothing")
    try:
        with h5py.File(path, "r") as file:
            with environment.at_most(NAMES_BYTES):
                root = _inside(file, "model_weights", path) if "model_weights" in file else file
                if _texts(root, "layer_names"):
                    found = dict(_by_name(root, path))
                elif "layers" in file:
                    found = dict(_by_number(file, path))
                else:
                    raise _refusal(path, expected, f"an HDF5 file with {', '.join(file) or 'nothing'}")
            yield found
    except UNREADABLE as error:
        raise _refusal(path, expected, str(error)) from error


def _by_name(root: Any, path: Path) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  (an h5py.Group)
    """Keras 1 and 2: attributes list the layers and the weights of each."""
    for layer in _texts(root, "layer_names"):
        group = _inside(root, layer, path)
        name = layer.replace("/", "_")
        for weight in _texts(group, "weight_names"):
            kind = weight.rpartition("/")[2].removesuffix(":0")
            yield f"{FORMER_NAMES.get(name, name)}/{kind}", _inside(group, weight, path)


def _by_number(file: Any, path: Path) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  (an h5py.File)
    """Keras 3: groups are numbered by class; an attribute has the layer's own name."""
    layers = _inside(file, "layers", path)
    for numbered in layers:
        variables = _inside(layers, f"{numbered}/vars", path)
        if len(variables) and "name" not in variables.attrs:
            raise _refusal(path, f"the name of the layer {numbered}", "none", EARLY)
        for key in variables:
            name = str(variables.attrs["name"])
            kinds = BATCH_NORM if name.endswith("bn") else ("kernel", "bias")
            kind = kinds[int(key)] if key.isdecimal() and int(key) < len(kinds) else key
            yield f"{name}/{kind}", _inside(variables, key, path)


def _texts(group: Any, name: str) -> list[str]:  # noqa: ANN401  (an h5py.Group)
    """A list of texts among a group's attributes; Keras cuts a long one into name0, name1 and so on."""
    parts = itertools.takewhile(group.attrs.__contains__, (f"{name}{number}" for number in itertools.count()))
    texts = (text for part in ([name] if name in group.attrs else parts) for text in group.attrs[part])
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def _inside(group: Any, path: str, file: Path) -> Any:  # noqa: ANN401  (h5py's groups and datasets)
    """What a path below a group leads to, if every step of it stays in the file."""
    for step in path.split("/"):
        link = group.get(step, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise _refusal(file, f"{group.name}/{step} in the file itself", "a link")
        group = group[step]
    if isinstance(group, h5py.Dataset) and (group.is_virtual or group.external):
        raise _refusal(file, f"{group.name} in the file itself", "a reference to another file")
    return group


def _refusal(path: Path, expected: str, found: str, hint: str = HINT) -> RunError:
    return RunError(str(Problem(str(path), expected, found, hint)))


def import_weights(model: keras.Model, path: Path) -> tuple[str, ...]:
    """Fill a DenseNet that ``build`` built with a file's weights; returns layers that the file has not."""
    wanted = {keras_name(weight.path): weight for weight in model.weights}
    with opened(path) as found:
        classifier = {name for name in wanted if name.startswith(f"{CLASSIFIER}/")}
        left_out = classifier if classifier.isdisjoint(found) else set()
        taken = {name: weight for name, weight in wanted.items() if name not in left_out}
        _check(taken, found, path)
        arrays = {name: np.asarray(found[name], np.float32) for name in taken}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise _refusal(path, f"finite numbers in {name}", "others", "The file is damaged.")
    for name, weight in taken.items():
        weight.assign(arrays[name])
    return tuple({wanted[name].path.partition("/")[0] for name in left_out})  # the classifier's layer, if any


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


def _check(wanted: Mapping[str, Any], found: Mapping[str, Any], path: Path) -> None:
    """Names, shapes and kinds of numbers, all of them, before anything is read."""
    faults = {name: _fault(weight, found.get(name)) for name, weight in wanted.items()}
    faults |= {name: "it in the file alone" for name in found if name not in wanted}
    wrong = [name for name, fault in faults.items() if fault]
    if wrong:
        name, *others = wrong
        shape = f" of shape {tuple(wanted[name].shape)}" if name in wanted else " in the network"
        more = f", and {len(others)} more that do not fit" if others else ""
        hint = f"The file has {_blocks(found)}; the network has {_blocks(wanted)}."
        if all(name.startswith(f"{CLASSIFIER}/") for name in wrong):
            fine_tune = "training.start_from fine-tunes for other classes"
            hint = f"Import the file with its own data.classes; {fine_tune}."
        raise _refusal(path, name + shape, faults[name] + more, hint)


def _fault(weight: Any, dataset: Any) -> str:  # noqa: ANN401  (a keras.Variable and an h5py.Dataset, if any)
    """What is wrong with a weight of the file; empty where nothing is."""
    shape = getattr(dataset, "shape", None)
    if shape is None:
        return "nothing"
    if shape != tuple(weight.shape):
        return f"shape {shape}"
    if (
        dataset.id.get_create_plist().get_nfilters()
    ):  # HDF5 unpacks a piece whatever size it turns out to have
        return "compressed numbers, which Keras does not write"
    return "" if dataset.dtype.kind == "f" else f"numbers of type {dataset.dtype}"


def _blocks(names: Iterable[str]) -> str:
    """What a person calls a DenseNet by: how many layers its blocks have."""
    numbers = [int(found[1]) for name in names if (found := _KERAS_LAYER.fullmatch(name))]
    layers = ", ".join(str(numbers.count(number)) for number in sorted(set(numbers)))
    return f"blocks of {layers} layers" if layers else "no dense blocks of keras.applications' names"
