"""A folder of PNG and JPEG images, one sub-folder per class.

The sub-folders' names, sorted, are the classes. Test images have a tree of their own, or there are none::

    flowers/daisy/1.jpg          flowers/train/daisy/1.jpg
    flowers/rose/2.png           flowers/train/rose/2.png
                                 flowers/test/daisy/3.jpg

Every image is brought to one shape: grey for one channel, RGB for three, bilinear to the size. An alpha
channel is dropped.
"""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dnsearch.data.checks import check_size, refuse
from dnsearch.data.images import Original, Split

ENDINGS = (".png", ".jpg", ".jpeg")
OTHER_ENDINGS = (".bmp", ".gif", ".tif", ".tiff", ".webp")
MODES = {1: "L", 3: "RGB"}
"""Channels → what Pillow calls it."""
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
"""What Pillow's decoders raise over broken files."""
TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def read(folder: Path, image_shape: tuple[int, int, int]) -> Original:
    """All images of a folder.

    Args:
        folder: the folder of classes, or of ``train`` and ``test``.
        image_shape: (height, width, channels) to bring the images to.

    Raises:
        DataError: there is nothing to read, or an image is broken or too large.
    """
    training_folder, test_folder = _parts(folder)
    names = class_names(folder)
    training = _split(training_folder, names, image_shape)
    test = None if test_folder is None else _test(test_folder, names, image_shape)
    return Original(training, test, names, 255)


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


def read_image(path: Path, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """One image, brought to a shape.

    Args:
        path: a PNG or JPEG file.
        image_shape: (height, width, channels), channels 1 or 3.

    Raises:
        DataError: the file is missing, no image, broken, too large, or has more than 8 bits per channel.
    """
    height, width, channels = supported(image_shape)
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images and refuses enormous ones; here both are refused, undecoded.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                converted = _converted(image, MODES[channels], path)
    except TOO_LARGE as error:
        limit = f"at most {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise refuse(path, limit, "more", "Make the image smaller.") from error
    except UNREADABLE as error:
        raise refuse(path, "a PNG or JPEG image", str(error), "Remove or replace the file.") from error
    if converted.size != (width, height):
        converted = converted.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(converted, np.uint8).reshape(image_shape)


def supported(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The same shape, if images can be brought to it.

    Raises:
        DataError: there are neither 1 nor 3 channels.
    """
    if image_shape[2] not in MODES:
        hint = "Use 1 for grey or 3 for RGB; for other images save arrays and use source: npz."
        raise refuse("data.image_shape", "1 or 3 channels for PNG and JPEG", str(image_shape[2]), hint)
    return image_shape


def _converted(image: Image.Image, mode: str, path: Path) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        hint = "Save it with 8 bits per channel."
        raise refuse(path, "8 bits per channel", f"an image of mode {image.mode}", hint)
    if image.mode == "P" and "transparency" in image.info:
        return image.convert("RGBA").convert(mode)
    return image.convert(mode)


def _parts(folder: Path) -> tuple[Path, Path | None]:
    """Where the training and the test images are."""
    if _subfolders(folder) == ("test", "train"):
        return folder / "train", folder / "test"
    return folder, None


def _subfolders(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."))


def _test(folder: Path, names: tuple[str, ...], image_shape: tuple[int, int, int]) -> Split:
    unknown = sorted(set(_subfolders(folder)) - set(names))
    if unknown:
        hint = "Every class needs training images; spell the sub-folders alike."
        raise refuse(folder, "the classes of the training images", f"also {', '.join(unknown)}", hint)
    present = tuple(name for name in names if (folder / name).is_dir())
    if not present:
        raise refuse(folder, "test images in sub-folders, one per class", "none", "Remove test, or fill it.")
    return _split(folder, names, image_shape, present)


def _split(
    folder: Path,
    names: tuple[str, ...],
    image_shape: tuple[int, int, int],
    present: tuple[str, ...] | None = None,
) -> Split:
    """Read the sub-folders ``present`` (all, where left out), each in the order of its file names."""
    files = [(path, names.index(name)) for name in present or names for path in _files(folder / name)]
    shape = (len(files), *supported(image_shape))
    check_size(shape, 1, folder)
    images = np.empty(shape, np.uint8)
    for position, (path, _) in enumerate(files):
        images[position] = read_image(path, image_shape)
    return Split(images, np.array([label for _, label in files], np.int32))


def _files(folder: Path) -> list[Path]:
    """The images of one class, by name; other files, such as notes, are passed over."""
    entries = sorted(entry for entry in folder.iterdir() if entry.name[0] != "." and entry.is_file())
    foreign = [entry for entry in entries if entry.suffix.lower() in OTHER_ENDINGS]
    if foreign:
        raise refuse(foreign[0], "PNG or JPEG images", foreign[0].suffix, "Convert it, or remove it.")
    files = [entry for entry in entries if entry.suffix.lower() in ENDINGS]
    if not files:
        raise refuse(
            folder, f"images ending in {', '.join(ENDINGS)}", "none", "Add some, or remove the class."
        )
    return files
