"""A CSV file that lists PNG and JPEG images and what they show.

The first line names the columns: ``path`` and ``label``, and ``part`` where there are test images; others
are passed over. Paths start at the CSV file's folder. Labels are names; sorted (numbers by their value)
they are the classes. ``part`` is ``train`` or ``test``, and the validation images are taken from the
training images as with every source::

    path,label,part
    images/1.jpg,daisy,train
    images/2.png,rose,test

A path may not lead out of the folder: the table comes from a stranger, who has no say in which of the
reader's other files are opened, and data that lies in one place can be moved.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from dnsearch.data.checks import check_sides, refuse
from dnsearch.data.dataset import Original, Split, of_files
from dnsearch.data.image_files import ENDINGS, Files, supported
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Resize

MAX_BYTES = 2**28
PARTS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """One image.

    Args:
        line: where the CSV file names it, from 1.
        path: as the CSV file has it.
        label: the name of its class.
        part: train or test.
    """

    line: int
    path: str
    label: str
    part: str


def read(path: Path, image_shape: tuple[int, int, int], resize: Resize) -> Original:
    """All images of a list.

    Args:
        path: the CSV file.
        image_shape: (height, width, channels) to bring the images to.
        resize: how they are brought to height and width.

    Raises:
        DataError: the list is broken or leads elsewhere, or an image is missing, broken or too large.
    """
    rows = _rows(path)
    names = _class_names(rows, path)
    by_part = {part: [row for row in rows if row.part == part] for part in PARTS}
    for row in rows:
        if not (path.parent / row.path).is_file():
            raise _refusal(path, row.line, "an image that is there", f"no file {row.path:.100}")
    training, test = (_split(by_part[part], names, path, image_shape, resize) for part in PARTS)
    if training is None:
        raise refuse(path, "training images", "none")
    return of_files(training, test, names)


def class_names(path: Path) -> tuple[str, ...]:
    """The names of the classes, in the order of their labels; no image is opened.

    Raises:
        DataError: the list is broken, or there are fewer than two classes.
    """
    return _class_names(_rows(path), path)


def _class_names(rows: Iterable[Row], path: Path) -> tuple[str, ...]:
    names = {row.label for row in rows if row.part == "train"}
    if len(names) < 2:
        raise refuse(path, "at least 2 labels of training images", f"{len(names)}")
    for row in rows:
        if row.label not in names:
            raise _refusal(path, row.line, "a label that training images have", f"{row.label:.40}")
    if all(name.isdecimal() and len(name) < 19 for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _split(
    rows: list[Row], names: tuple[str, ...], path: Path, image_shape: tuple[int, int, int], resize: Resize
) -> Split | None:
    if not rows:
        return None
    numbers = {name: number for number, name in enumerate(names)}
    files = Files(tuple(str(path.parent / row.path) for row in rows), supported(image_shape), resize)
    check_sides(files.shape, path)
    return Split(files, np.array([numbers[row.label] for row in rows], np.int32))


def _rows(path: Path) -> list[Row]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise refuse(path, f"a CSV file of at most {MAX_BYTES:,} bytes", f"{path.stat().st_size:,}")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return list(_parsed(lines, path))
    except (OSError, UnicodeError, csv.Error) as error:
        raise refuse(path, "a CSV file in UTF-8", str(error)) from error


def _parsed(lines: Iterable[str], path: Path) -> Iterator[Row]:
    table = csv.DictReader(lines, restval="")
    columns = table.fieldnames or []
    if not {"path", "label"} <= set(columns):
        hint = "The first line names the columns: path,label or path,label,part."
        raise refuse(path, "the columns path and label", f"{', '.join(columns):.100}" or "nothing", hint)
    for entry in table:
        row = Row(table.line_num, entry["path"], entry["label"].strip(), entry.get("part", "train").strip())
        _check(row, path)
        yield row


def _check(row: Row, path: Path) -> None:
    if row.part not in PARTS:
        raise _refusal(path, row.line, f"part {' or '.join(PARTS)}", f"{row.part:.40}" or "nothing")
    if not row.label:
        raise _refusal(path, row.line, "a label", "nothing")
    if not row.path.lower().endswith(ENDINGS):
        raise _refusal(
            path, row.line, f"a path ending in {', '.join(ENDINGS)}", f"{row.path:.100}" or "nothing"
        )
    outside = any(kind(row.path).is_absolute() for kind in (PurePosixPath, PureWindowsPath))
    if outside or ".." in PureWindowsPath(row.path).parts:
        raise _refusal(path, row.line, "a path within the CSV file's folder", f"{row.path:.100}")


def _refusal(path: Path, line: int, expected: str, found: str) -> DataError:
    return refuse(f"{path.absolute()}:{line}", expected, found)
