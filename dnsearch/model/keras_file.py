"""What a Keras weights file holds, by ``layer/weight``, found with h5py alone: nothing in it is executed.

Two formats are read, both HDF5. The first is Keras 1's and 2's, in which the weights of keras.applications
are distributed; the second is what Keras 3's ``Model.save_weights`` writes::

    densenet121.h5                              densenet121.weights.h5
     │   layer_names: conv1/conv, …              └── layers
     └── conv1/conv                                   └── conv2d
          │   weight_names: conv1/conv/kernel:0            └── vars
          └── conv1/conv/kernel:0                               │   name: conv1_conv
                                                                └── 0

Links out of the file are refused: they would let a file from a stranger read others on this machine.
"""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from dnsearch.errors import Problem, RunError

Stored = dict[str, Any]
"""``layer/weight`` → its ``h5py.Dataset``, not read yet."""

UNREADABLE = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, UnicodeError)
"""What h5py raises over files that are no HDF5, or damaged ones."""
FORMER_NAMES = {"fc1000": "predictions"}
"""Layers that an earlier keras.applications called otherwise."""
BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
OTHERS = ("kernel", "bias")
HINT = "Keras' Model.save_weights writes such files (.h5, .weights.h5); a .keras file is none."


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Stored]:
    """The weights of a file, for a block.

    Raises:
        RunError: the file is missing, damaged, no weights file, or not complete in itself; also when a weight
            that is read in the block turns out to be damaged.
    """
    if not path.is_file():
        raise _refusal(path, "a file of Keras weights", "a folder" if path.is_dir() else "nothing")
    try:
        with h5py.File(path, "r") as file:
            yield stored(file, path)
    except UNREADABLE as error:
        raise _refusal(path, "a file of Keras weights", str(error)) from error


def stored(file: Any, path: Path) -> Stored:  # noqa: ANN401  (an h5py.File; h5py ships no types)
    """Every weight of an open file.

    Raises:
        RunError: it is in neither format, or a link leads out of the file.
    """
    root = _inside(file, "model_weights", path) if "model_weights" in file else file
    if _texts(root, "layer_names"):
        return dict(_by_name(root, path))
    if "layers" in file:
        return dict(_by_number(file, path))
    raise _refusal(path, "a file of Keras weights", f"an HDF5 file with {', '.join(file) or 'nothing'}")


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
            hint = (
                "An early Keras 3 wrote the file; load it into its network with a later one and save again."
            )
            raise _refusal(path, f"the name of the layer {numbered}", "none", hint)
        for key in variables:
            name = str(variables.attrs["name"])
            kinds = BATCH_NORM if name.endswith("bn") else OTHERS
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
