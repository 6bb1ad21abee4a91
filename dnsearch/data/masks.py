"""A folder of images and one of masks, which pair by their names.

A mask is a PNG whose grey values or palette indices are class numbers, of its image's size. Test images have
a tree of their own, or there are none::

    cells/images/1.jpg          cells/train/images/1.jpg     cells/test/images/9.jpg
    cells/masks/1.png           cells/train/masks/1.png      cells/test/masks/9.png

A mask is brought to the wanted shape as its image is, by the nearest pixel. Bars of ``pad`` do not count.
Images too many for the memory stay files; masks are read at once, four bytes a pixel.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from dnsearch import environment
from dnsearch.data.data_checks import IGNORED, check_memory, check_range, checked_labels, refuse
from dnsearch.data.dataset import Labels, Original, Split, of_files
from dnsearch.data.image_files import ENDINGS, Files, fitted, opened, target_shape
from dnsearch.spec.data_section import Data, Facts

IMAGES, MASKS = "images", "masks"
PALE = ("L", "P", "1")
"""Pillow's modes with one number per pixel."""
LAYOUT = "Put images into images/ and their masks, PNGs of the same names, into masks/."


def facts(data: Data) -> Facts:
    """The wanted shape and the classes, both from the spec."""
    return Facts(target_shape(data), len(_names(data)), masks=True)


def read(data: Data) -> Original:
    """All images of a folder with their masks.

    Raises:
        DataError: a mask is missing, of another size than its image, no PNG of one channel, or has numbers
            that no class has; or a file is broken or too large.
    """
    folder = Path(data.location)
    apart = (folder / "train").is_dir()
    test = _split(folder / "test", data) if apart and (folder / "test").is_dir() else None
    return of_files(_split(folder / "train" if apart else folder, data), test, _names(data))


def _names(data: Data) -> tuple[str, ...]:
    return data.class_names or tuple(map(str, range(data.classes or 0)))


def _split(folder: Path, data: Data) -> Split:
    pairs = _pairs(folder)
    files = Files(tuple(str(image) for image, _ in pairs), target_shape(data), data.resize)
    check_memory(math.prod(files.shape[:3]) * np.dtype(np.int32).itemsize, folder)
    with ThreadPoolExecutor(environment.cores()) as threads:
        masks = threads.map(lambda pair: _mask(pair, files, len(_names(data)), data.ignore_label), pairs)
        return Split(files, np.stack([*masks]))


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Images with their masks, by name."""
    images, masks = (
        _files(folder / part, endings) for part, endings in ((IMAGES, ENDINGS), (MASKS, (".png",)))
    )
    if lone := [path for name, path in images.items() if name not in masks]:
        raise refuse(lone[0], f"a mask {MASKS}/{lone[0].stem}.png", "none", LAYOUT)
    if lone := [path for name, path in masks.items() if name not in images]:
        raise refuse(lone[0], f"an image of this name in {IMAGES}/", "none", LAYOUT)
    return [(image, masks[name]) for name, image in images.items()]


def _files(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """The files of a folder by their names without ending; hidden ones are ignored."""
    if not folder.is_dir():
        raise refuse(folder, f"a folder of files ending in {', '.join(endings)}", "no such folder", LAYOUT)
    found: dict[str, Path] = {}
    for path in sorted(entry for entry in folder.iterdir() if entry.name[0] != "." and entry.is_file()):
        if path.suffix.lower() not in endings:
            raise refuse(path, f"files ending in {', '.join(endings)} alone", path.suffix or "none", LAYOUT)
        if path.stem in found:
            raise refuse(path, "every name once", f"also {found[path.stem].name}", "Rename or remove one.")
        found[path.stem] = path
    if not found:
        raise refuse(folder, f"files ending in {', '.join(endings)}", "none", LAYOUT)
    return found


def _mask(pair: tuple[Path, Path], files: Files, classes: int, ignore_label: int | None) -> Labels:
    """(height, width), with IGNORED where a pixel does not count."""
    image, path = pair
    height, width, _ = files.image_shape
    with opened(image) as pixels:
        size = pixels.size
    with opened(path) as mask:
        if mask.size != size:
            expected = f"the size of its image {image.name}, {size[0]}x{size[1]}"
            raise refuse(path, expected, f"{mask.width}x{mask.height}", "Save image and mask at one size.")
        if not isinstance(mask, PngImageFile) or mask.mode not in PALE:
            hint = "Save it as a PNG in grey or with a palette, whose values are class numbers from 0."
            found = f"mode {mask.mode}" if isinstance(mask, PngImageFile) else "a JPEG"
            raise refuse(path, "one class number per pixel, 8 bits", found, hint)
        numbers = np.asarray(mask, np.uint8)
    labels = checked_labels(numbers[np.newaxis], (1, *numbers.shape), path, ignore_label)
    check_range(labels, classes, path)
    whole = Image.fromarray(labels[0])
    shown = fitted(whole, width, height, files.resize, Image.Resampling.NEAREST, IGNORED)
    return np.asarray(shown, np.int32)
