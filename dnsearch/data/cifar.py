"""CIFAR-10 and CIFAR-100, from the Python archives of their official page.

An archive is unpacked into one folder of pickles; each batch is a dict with ``data``, uint8 of shape
(n, 3072): per image 1,024 red, then 1,024 green, then 1,024 blue pixels, row by row. The official
batches hold 10,000 images (CIFAR-100: 50,000 and 10,000); others are read as well.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dnsearch.data.checks import check_range, checked_labels, refuse
from dnsearch.data.images import Images, Original, Split
from dnsearch.data.unpickle import unpickle

PAGE = "www.cs.toronto.edu/~kriz/cifar.html"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which files an archive has, and under which names they keep what is needed.

    Args:
        training: the training batches.
        test: the test batch.
        meta: the file with the class names.
        labels_key: the labels in a batch.
        names_key: the class names in the meta file.
        classes: how many classes.
        archive: what the official page calls the archive.
    """

    training: tuple[str, ...]
    test: str
    meta: str
    labels_key: str
    names_key: str
    classes: int
    archive: str


LAYOUTS = {
    "cifar10": Layout(
        training=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test="test_batch",
        meta="batches.meta",
        labels_key="labels",
        names_key="label_names",
        classes=10,
        archive="cifar-10-python.tar.gz",
    ),
    "cifar100": Layout(
        training=("train",),
        test="test",
        meta="meta",
        labels_key="fine_labels",
        names_key="fine_label_names",
        classes=100,
        archive="cifar-100-python.tar.gz",
    ),
}


def read(source: Literal["cifar10", "cifar100"], folder: Path) -> Original:
    """All images of an archive's folder.

    Raises:
        DataError: a file is missing, broken or unsafe.
    """
    layout = LAYOUTS[source]
    _check_present(layout, folder)
    batches = [_batch(folder / name, layout) for name in layout.training]
    images = np.concatenate([batch.images for batch in batches])
    labels = np.concatenate([batch.labels for batch in batches])
    test = _batch(folder / layout.test, layout)
    return Original(Split(images, labels), test, _class_names(folder / layout.meta, layout), 255)


def _check_present(layout: Layout, folder: Path) -> None:
    wanted = (*layout.training, layout.test, layout.meta)
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise refuse(
            folder,
            f"a folder with the files {', '.join(wanted)}",
            f"no {', no '.join(missing)}",
            f"Unpack {layout.archive} from {PAGE}, and set data.path to the folder that holds these files.",
        )


def _batch(path: Path, layout: Layout) -> Split:
    content = unpickle(path)
    planes = content.get("data")
    if not isinstance(planes, np.ndarray) or planes.ndim != 2 or planes.shape[1] != 3072 or not len(planes):
        shape = planes.shape if isinstance(planes, np.ndarray) else type(planes).__name__
        raise refuse(path, "data: bytes of shape (n, 3072)", f"{shape}", _archive_hint(layout))
    labels = content.get(layout.labels_key)
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise refuse(path, f"{layout.labels_key}: a list of whole numbers", hint=_archive_hint(layout))
    where = f"{path.absolute()}, {layout.labels_key}"
    checked = checked_labels(_as_array(labels), len(planes), where)
    check_range(checked, layout.classes, where)
    return Split(_upright(planes), checked)


def _as_array(labels: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Labels as float64: exact for every sensible one, and a million digits give infinity, not an error."""
    return np.array([float(label) if abs(label) < 2**53 else np.inf for label in labels], np.float64)


def _upright(planes: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Images:
    """From (n, 3 planes x 32 rows x 32 columns) to (n, 32, 32, 3)."""
    return np.ascontiguousarray(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _class_names(path: Path, layout: Layout) -> tuple[str, ...]:
    names = unpickle(path).get(layout.names_key)
    match names:
        case list() if len(names) == layout.classes and all(isinstance(name, bytes | str) for name in names):
            return tuple(name.decode("latin1") if isinstance(name, bytes) else name for name in names)
        case _:
            expected = f"{layout.names_key}: a list of {layout.classes} names"
            raise refuse(path, expected, hint=_archive_hint(layout))


def _archive_hint(layout: Layout) -> str:
    return f"Unpack {layout.archive} from {PAGE} again."
