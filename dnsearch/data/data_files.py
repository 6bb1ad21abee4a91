"""How files of images are opened, listed and refused; without NumPy, which takes long to load.

Files come from strangers: sizes are checked before memory is taken, and nothing is read that a symbolic link
leads out of the folder of a section. A refusal names the file by its absolute path.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from dnsearch import input_files
from dnsearch.errors import DataError, Problem

ENDINGS = (".png", ".jpg", ".jpeg")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # channels of image files → what Pillow calls them
Labelled = Sequence[tuple[Path, int]]  # image files and the numbers of their classes


@dataclass(frozen=True, slots=True)
class Listing:
    """Image files with a label each."""

    training: Labelled
    test: Labelled
    class_names: tuple[str, ...]


def refuse(where: Path | str, expected: str, found: str = "", hint: str = "") -> DataError:
    """An error to raise; a path is made absolute.

    >>> print(refuse("data.classes", "10 classes", "12", "Correct it."))
    data.classes
      expected 10 classes, found 12
      Correct it.
    """
    place = str(where.absolute()) if isinstance(where, Path) else where
    return DataError(str(Problem(place, expected, found, hint)))


@contextmanager
def reading(
    path: Path, expected: str, hint: str = "", most_bytes: int | None = None
) -> Iterator[BufferedReader]:
    """Open an input file for a block that reads it; what goes wrong in the block is a DataError, too."""
    try:
        with input_files.opened(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if most_bytes is not None and size > most_bytes:
                raise refuse(path, f"at most {most_bytes:,} bytes", f"{size:,}", hint)
            yield stream
    except (DataError, MemoryError):
        raise
    except OSError as error:
        raise refuse(path, expected, error.strerror or str(error), hint) from error
    # A broken file runs into whatever its decoder stumbles over: zlib.error, IndexError, RecursionError, ...
    except Exception as error:
        raise refuse(path, expected, f"{str(error) or type(error).__name__:.200}", hint) from error


def file_shape(image_shape: tuple[int, int, int] | None) -> tuple[int, int, int]:
    """The same shape, if image files can be brought to it: grey, RGB, or RGB and opacity."""
    channels = None if image_shape is None else image_shape[2]
    if image_shape is None or channels not in MODES:
        hint = "Use 1 for grey, 3 for RGB or 4 for RGB and opacity; for others save arrays: source: npz."
        raise refuse("data.image_shape", "1, 3 or 4 channels for PNG and JPEG", f"{channels}", hint)
    return image_shape


def images_below(paths: Sequence[Path]) -> list[Path]:
    """The paths, and in place of each folder all PNG and JPEG files below it, sorted, without hidden ones."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        below = [each.relative_to(path) for each in path.rglob("*") if each.suffix.lower() in ENDINGS]
        seen = sorted(each for each in below if not any(part.startswith(".") for part in each.parts))
        if not seen:
            raise refuse(path, f"images ending in {', '.join(ENDINGS)}", "none", "Name another folder.")
        found += [path / each for each in seen]
    return found


def leads_inside(folder: Path) -> Callable[[Path], bool]:
    """A function: whether a path below the folder is still there when its symbolic links are followed."""
    root, resolved = _resolved(folder), functools.cache(_resolved)  # a million images have few folders

    def inside(path: Path) -> bool:
        return (_resolved(path) if path.is_symlink() else resolved(path.parent)).is_relative_to(root)

    return inside


def listed(folder: Path, root: Path) -> list[Path]:
    """The files of a folder in the order of their names, without hidden ones; links must stay in ``root``."""
    files = sorted(entry for entry in folder.iterdir() if entry.name[0] != "." and not entry.is_dir())
    inside = leads_inside(root)
    for path in files:
        if not inside(path):
            hint = "Copy the file, or set data.path to the folder that holds all of them."
            raise refuse(path, f"a file within {root.absolute()}", f"a link to {_resolved(path)}", hint)
    return files


def _resolved(path: Path) -> Path:
    """A path without symbolic links; those that lead in a circle stay, for Path.resolve raises over them."""
    return Path(os.path.realpath(path))
