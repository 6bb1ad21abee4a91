"""A CSV file that lists PNG and JPEG images and what they show.

The first line names the columns: ``path`` and ``label``, and ``part`` where there are test images; others
are ignored. Labels are names; sorted (numbers by their value) they are the classes. ``part`` is ``train`` or
``test``, and the validation images are taken from the training images as with every source::

    path,label,part
    images/1.jpg,daisy,train
    images/2.png,rose,test

Paths start at the CSV file's folder and may not lead out of it, not even by a symbolic link.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from dnsearch.data.data_files import ENDINGS, Listing, leads_inside, reading, refuse
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data

MAX_BYTES = 2**28
PARTS = ("train", "test")


class Row(NamedTuple):
    """One image, with the line that names it (from 1)."""

    line: int
    path: str
    label: str
    part: str


def class_names(data: Data) -> tuple[str, ...]:
    """The labels of the table, at least two, sorted; no image is opened."""
    return _class_names(_rows(Path(data.location)), Path(data.location))


def read(data: Data) -> Listing:
    """All images of a table, in its order."""
    path = Path(data.location)
    rows, inside = _rows(path), leads_inside(path.parent)
    names = _class_names(rows, path)
    numbers = {name: number for number, name in enumerate(names)}
    parts: dict[str, list[tuple[Path, int]]] = {part: [] for part in PARTS}
    for row in rows:
        image = path.parent / row.path
        if not image.is_file():
            raise _refusal(path, row.line, "an image that is there", f"no file {row.path:.100}")
        if not inside(image):
            raise _outside(path, row)
        parts[row.part].append((image, numbers[row.label]))
    return Listing(parts["train"], parts["test"], names)


def _class_names(rows: Iterable[Row], path: Path) -> tuple[str, ...]:
    names = {row.label for row in rows if row.part == "train"}
    if len(names) < 2:
        raise refuse(path, "at least 2 labels of training images", f"{len(names)}")
    for row in rows:
        if row.label not in names:
            raise _refusal(path, row.line, "a label that training images have", f"{row.label:.40}")
    numeric = all(name.isdecimal() and len(name) < 19 for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if numeric else 0, name)))


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
