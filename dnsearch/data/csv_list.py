"""A CSV file that lists PNG and JPEG images and what they show.

The first line names the columns: ``path`` and ``label``, and ``part`` where there are test images; others
are ignored. Labels are names; sorted (numbers by their value) they are the classes. ``part`` is ``train`` or
``test``, and the validation images are taken from the training images as with every source::

    path,label,part
    images/1.jpg,daisy,train
    images/2.png,rose,test

Paths start at the CSV file's folder and may not lead out of it, not even by a symbolic link: the table may
come from a stranger, who has no say in which of the reader's other files are opened.
"""

import csv
import functools
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from dnsearch.data.data_checks import reading, refuse
from dnsearch.data.dataset import Original, Split, of_files
from dnsearch.data.image_files import ENDINGS, file_shape, files_of
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data, Facts

MAX_BYTES = 2**28
PARTS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """One image: the line that names it (from 1), its path, class and part as the table has them."""

    line: int
    path: str
    label: str
    part: str


def facts(data: Data) -> Facts:
    """The wanted shape, and the classes that the spec gives or the table has; no image is opened.

    Raises:
        DataError: the table is needed and broken, or there are fewer than two classes.
    """
    path = Path(data.location)
    return Facts(file_shape(data.image_shape), data.classes or len(_class_names(_rows(path), path)))


def read(data: Data) -> Original:
    """All images of a table.

    Raises:
        DataError: the table is broken or leads elsewhere, or an image is missing, broken or too large.
    """
    path = Path(data.location)
    rows = _rows(path)
    names = _class_names(rows, path)
    resolved = functools.cache(Path.resolve)  # of a million images few have a folder of their own
    for row in rows:
        image = path.parent / row.path
        if not image.is_file():
            raise _refusal(path, row.line, "an image that is there", f"no file {row.path:.100}")
        place = image.resolve() if image.is_symlink() else resolved(image.parent)
        if not place.is_relative_to(resolved(path.parent)):
            raise _outside(path, row)
    training, test = (_split([row for row in rows if row.part == part], names, data) for part in PARTS)
    return of_files(training, test if len(test) else None, names)


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


def _split(rows: list[Row], names: tuple[str, ...], data: Data) -> Split:
    folder, numbers = Path(data.location).parent, {name: number for number, name in enumerate(names)}
    files = files_of((folder / row.path for row in rows), data)
    return Split(files, np.array([numbers[row.label] for row in rows], np.int32))


def _rows(path: Path) -> list[Row]:
    with (
        reading(path, "a CSV file in UTF-8", most_bytes=MAX_BYTES) as stream,
        io.TextIOWrapper(stream, "utf-8-sig", newline="") as lines,
    ):
        return list(_parsed(lines, path))


def _parsed(lines: Iterable[str], path: Path) -> Iterator[Row]:
    table = csv.DictReader(lines, restval="")
    columns = table.fieldnames or []
    if not {"path", "label"} <= set(columns):
        hint = "The first line names the columns: path,label or path,label,part."
        raise refuse(path, "the columns path and label", f"{', '.join(columns):.100}" or "nothing", hint)
    for entry in table:
        row = Row(table.line_num, entry["path"], entry["label"].strip(), entry.get("part", "train").strip())
        if row.part not in PARTS:
            raise _refusal(path, row.line, f"part {' or '.join(PARTS)}", f"{row.part:.40}" or "nothing")
        if not row.label:
            raise _refusal(path, row.line, "a label", "nothing")
        if not row.path.lower().endswith(ENDINGS):
            expected = f"a path ending in {', '.join(ENDINGS)}"
            raise _refusal(path, row.line, expected, f"{row.path:.100}" or "nothing")
        absolute = any(kind(row.path).is_absolute() for kind in (PurePosixPath, PureWindowsPath))
        if absolute or ".." in PureWindowsPath(row.path).parts:
            raise _outside(path, row)
        yield row


def _outside(path: Path, row: Row) -> DataError:
    return _refusal(path, row.line, "a path within the CSV file's folder", f"{row.path:.100}")


def _refusal(path: Path, line: int, expected: str, found: str) -> DataError:
    return refuse(f"{path.absolute()}:{line}", expected, found)
