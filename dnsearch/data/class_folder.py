"""A folder of PNG and JPEG images, one sub-folder per class.

The sub-folders' names, sorted, are the classes. Test images have a tree of their own, or there are none::

    flowers/daisy/1.jpg          flowers/train/daisy/1.jpg
    flowers/rose/2.png           flowers/train/rose/2.png
                                 flowers/test/daisy/3.jpg
"""

from collections.abc import Sequence
from pathlib import Path

from dnsearch.data.data_files import ENDINGS, Labelled, Listing, listed, refuse
from dnsearch.spec.data_section import Data

OTHER_ENDINGS = (".bmp", ".gif", ".tif", ".tiff", ".webp")


def class_names(data: Data) -> tuple[str, ...]:
    """The names of the classes, at least two, sorted."""
    training, _ = _parts(Path(data.location))
    names = _subfolders(training)
    if len(names) < 2:
        found = f"{len(names)}" if training.is_dir() else "no such folder"
        hint = "Make one sub-folder per class and put its PNG or JPEG images into it, or correct data.path."
        raise refuse(training, "a folder with at least 2 sub-folders, one per class", found, hint)
    return names


def read(data: Data) -> Listing:
    """All images of a folder, in the order of classes and file names; none is opened."""
    names, root = class_names(data), Path(data.location)
    training, test = _parts(root)

    def images(folder: Path, present: Sequence[str]) -> Labelled:
        return [(path, names.index(name)) for name in present for path in _images(folder / name, root)]

    if test is None:
        return Listing(images(training, names), (), names)
    present = _subfolders(test)
    if unknown := sorted(set(present) - set(names)):
        hint = "Every class needs training images; spell the sub-folders alike."
        raise refuse(test, "the classes of the training images", f"also {', '.join(unknown)}", hint)
    if not present:
        raise refuse(test, "test images in sub-folders, one per class", "none", "Remove test, or fill it.")
    return Listing(images(training, names), images(test, present), names)


def _parts(folder: Path) -> tuple[Path, Path | None]:
    """Where the training and the test images are."""
    if _subfolders(folder) == ("test", "train"):
        return folder / "train", folder / "test"
    return folder, None


def _subfolders(folder: Path) -> tuple[str, ...]:
    entries = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."))


def _images(folder: Path, root: Path) -> list[Path]:
    """The images of one class; other files, such as notes, are ignored."""
    files = listed(folder, root)
    if foreign := [path for path in files if path.suffix.lower() in OTHER_ENDINGS]:
        raise refuse(foreign[0], "PNG or JPEG images", foreign[0].suffix, "Convert it, or remove it.")
    images = [path for path in files if path.suffix.lower() in ENDINGS]
    if not images:
        hint = "Add some, or remove the class."
        raise refuse(folder, f"images ending in {', '.join(ENDINGS)}", "none", hint)
    return images
