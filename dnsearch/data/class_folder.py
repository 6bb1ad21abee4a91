"""A folder of PNG and JPEG images, one sub-folder per class.

The sub-folders' names, sorted, are the classes. Test images have a tree of their own, or there are none::

    flowers/daisy/1.jpg          flowers/train/daisy/1.jpg
    flowers/rose/2.png           flowers/train/rose/2.png
                                 flowers/test/daisy/3.jpg
"""

from pathlib import Path

import numpy as np

from dnsearch.data.data_checks import refuse
from dnsearch.data.dataset import Original, Split, of_files
from dnsearch.data.image_files import ENDINGS, file_shape, files_of, listed
from dnsearch.spec.data_section import Data, Facts

OTHER_ENDINGS = (".bmp", ".gif", ".tif", ".tiff", ".webp")


def facts(data: Data) -> Facts:
    """The wanted shape, and the classes that the spec gives or as many as there are sub-folders.

    Raises:
        DataError: there are no sub-folders to count.
    """
    return Facts(file_shape(data.image_shape), data.classes or len(class_names(Path(data.location))))


def read(data: Data) -> Original:
    """All images of a folder.

    Raises:
        DataError: there is nothing to read, or an image is broken or too large.
    """
    training_folder, test_folder = _parts(Path(data.location))
    names = class_names(Path(data.location))
    training, test = _split(training_folder, names, names, data), None
    if test_folder is not None:
        test = _split(test_folder, names, _present(test_folder, names), data)
    return of_files(training, test, names)


def class_names(folder: Path) -> tuple[str, ...]:
    """The names of the classes, sorted.

    Raises:
        DataError: there are fewer than two.
    """
    training, _ = _parts(folder)
    names = _subfolders(training)
    if len(names) < 2:
        found = f"{len(names)}" if training.is_dir() else "no such folder"
        hint = "Make one sub-folder per class and put its PNG or JPEG images into it, or correct data.path."
        raise refuse(training, "a folder with at least 2 sub-folders, one per class", found, hint)
    return names


def _parts(folder: Path) -> tuple[Path, Path | None]:
    """Where the training and the test images are."""
    if _subfolders(folder) == ("test", "train"):
        return folder / "train", folder / "test"
    return folder, None


def _subfolders(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."))


def _present(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that have test images."""
    unknown = sorted(set(_subfolders(folder)) - set(names))
    if unknown:
        hint = "Every class needs training images; spell the sub-folders alike."
        raise refuse(folder, "the classes of the training images", f"also {', '.join(unknown)}", hint)
    present = tuple(name for name in names if (folder / name).is_dir())
    if not present:
        raise refuse(folder, "test images in sub-folders, one per class", "none", "Remove test, or fill it.")
    return present


def _split(folder: Path, names: tuple[str, ...], present: tuple[str, ...], data: Data) -> Split:
    """The files of the sub-folders ``present``, each in the order of its file names."""
    found = [(path, names.index(name)) for name in present for path in _images(folder / name)]
    labels = np.array([label for _, label in found], np.int32)
    return Split(files_of((path for path, _ in found), data), labels)


def _images(folder: Path) -> list[Path]:
    """The images of one class; other files, such as notes, are ignored."""
    files = listed(folder)
    if foreign := [path for path in files if path.suffix.lower() in OTHER_ENDINGS]:
        raise refuse(foreign[0], "PNG or JPEG images", foreign[0].suffix, "Convert it, or remove it.")
    images = [path for path in files if path.suffix.lower() in ENDINGS]
    if not images:
        expected = f"images ending in {', '.join(ENDINGS)}"
        raise refuse(folder, expected, "none", "Add some, or remove the class.")
    return images
