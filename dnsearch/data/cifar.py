"""CIFAR-10 and CIFAR-100, from the archives of their official page: binary or Python, unpacked or not.

A binary batch is a row of records: a label (CIFAR-100: the coarse one, then the fine one) and 3,072 bytes,
which are 1,024 red, 1,024 green and 1,024 blue pixels, row by row. A batch of the Python archive is a pickled
dict with the same bytes as an array ``data`` of shape (n, 3072). There may be any number of images.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.cifar_archive import contents, md5, unpickle
from dnsearch.data.data_checks import check_range, checked_labels
from dnsearch.data.data_files import refuse
from dnsearch.data.dataset import Original, Split, joined
from dnsearch.spec.data_section import Data, Source

PAGE = "www.cs.toronto.edu/~kriz/cifar.html"
AGAIN = f"Get it from {PAGE} again."
PIXELS = 3072


@dataclass(frozen=True, slots=True)
class Layout:
    """An archive of the official page, by its name without ending; ``meta`` has the class names."""

    name: str
    folder: str
    meta: str
    md5: str

    @property
    def pickled(self) -> bool:
        """Whether its files are pickles."""
        return self.name.endswith("python")

    @property
    def batches(self) -> tuple[str, ...]:
        """The training batches, then the test batch."""
        ten = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
        names = ("train", "test") if self.name.startswith("cifar-100") else ten
        return names if self.pickled else tuple(f"{name}.bin" for name in names)


LAYOUTS: dict[Source, tuple[Layout, ...]] = {
    "cifar10": (
        Layout(
            "cifar-10-binary", "cifar-10-batches-bin", "batches.meta.txt", "c32a1d4ab5d03f1284b67883e8d87530"
        ),
        Layout("cifar-10-python", "cifar-10-batches-py", "batches.meta", "c58f30108f718f92721af3b95e74349a"),
    ),
    "cifar100": (
        Layout(
            "cifar-100-binary", "cifar-100-binary", "fine_label_names.txt", "03b5dce01913d631647c71ecec9e9cb8"
        ),
        Layout("cifar-100-python", "cifar-100-python", "meta", "eb9058c3a382ffc7106e4002c42a8d85"),
    ),
}
"""The binary archive first: it is preferred, since it cannot contain anything dangerous."""


def read(data: Data) -> Original:
    """All images of an archive, of what it unpacks to, or of a folder that holds one of these."""
    place, layout, found = _found(data)
    where = f"{place.absolute()}, " if place.is_file() else f"{place.absolute()}/"
    fine = data.source == "cifar100"
    classes, prefix = (100, "fine_") if fine else (10, "")

    def batch(name: str) -> Split:
        content, file = found[name], where + name
        if layout.pickled:
            planes, numbers = _pickled(content, file, f"{prefix}labels")
        else:
            planes, numbers = _records(content, file, label_bytes=2 if fine else 1)
        labels = checked_labels(numbers, (len(planes),), f"{file}, labels")
        check_range(labels, classes, f"{file}, labels")
        return Split(np.ascontiguousarray(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels)

    *batches, test = map(batch, layout.batches)
    key = f"{prefix}label_names" if layout.pickled else None
    names = _class_names(found[layout.meta], where + layout.meta, key, classes)
    return Original(joined(batches), test, names, 255)


def _found(data: Data) -> tuple[Path, Layout, dict[str, bytes]]:
    """Where the files are, what they are, and their bytes."""
    layouts, path = LAYOUTS[data.source], Path(data.location)
    wanted = frozenset(name for layout in layouts for name in (*layout.batches, layout.meta))
    within = [path / name for layout in layouts for name in (layout.folder, f"{layout.name}.tar.gz")]
    for place in (path, *within):
        if data.verify and place.is_file() and (there := md5(place)) not in {each.md5 for each in layouts}:
            known = " or ".join(f"{layout.md5} of {layout.name}.tar.gz" for layout in layouts)
            hint = f"{AGAIN[:-1]}; to read another archive, set data.verify: false."
            raise refuse(place, f"the MD5 {known}", there, hint)
        found = contents(place, wanted)
        for layout in layouts:
            files = (*layout.batches, layout.meta)
            missing = [name for name in files if name not in found]
            if not missing:
                return place, layout, found
            if len(missing) < len(files):
                hint = f"Get {layout.name}.tar.gz from {PAGE} again."
                raise refuse(place, f"the files {', '.join(files)}", f"no {', no '.join(missing)}", hint)
    official = " or ".join(f"{layout.name}.tar.gz, {layout.folder}" for layout in layouts)
    hint = f"Put an archive from {PAGE} there, unpacked or not, or set data.path to where it is."
    raise refuse(path, f"{official} or what is in them", "neither", hint)


def _records(content: bytes, where: str, label_bytes: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images and labels of a binary batch; of several labels in front of an image the last one is meant."""
    size = label_bytes + PIXELS
    if not content or len(content) % size:
        raise refuse(where, f"whole records of {size:,} bytes", f"{len(content):,} bytes", AGAIN)
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    return records[:, label_bytes:], records[:, label_bytes - 1]


def _pickled(content: bytes, where: str, key: str) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    batch = unpickle(content, where)
    planes, labels = batch.get("data"), batch.get(key)
    if not isinstance(planes, np.ndarray) or planes.ndim != 2 or planes.shape[1] != PIXELS or not len(planes):
        found = planes.shape if isinstance(planes, np.ndarray) else type(planes).__name__
        raise refuse(where, f"data: bytes of shape (n, {PIXELS})", f"{found}", AGAIN)
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise refuse(where, f"{key}: a list of whole numbers", hint=AGAIN)
    # float64 is exact for every sensible label, and a million digits give infinity, not an error.
    return planes, np.array([float(label) if abs(label) < 2**53 else np.inf for label in labels], np.float64)


def _class_names(content: bytes, where: str, key: str | None, classes: int) -> tuple[str, ...]:
    """The names of a text or, under a key, of a pickle."""
    if key is None:
        names: object = content.decode("latin1").split()
        expected = f"{classes} names, one a line"
    else:
        names, expected = unpickle(content, where).get(key), f"{key}: a list of {classes} names"
    if isinstance(names, list) and len(names) == classes and {*map(type, names)} <= {bytes, str}:
        return tuple(name.decode("latin1") if isinstance(name, bytes) else name for name in names)
    found = f"{len(names)}" if isinstance(names, list) else type(names).__name__
    raise refuse(where, expected, found, AGAIN)
