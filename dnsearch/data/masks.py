"""A folder of images and one of masks, which pair by their names; and masks as pictures.

A mask is a PNG whose grey values or palette indices are class numbers, of its image's size. Test images have
a tree of their own, or there are none::

    cells/images/1.jpg          cells/train/images/1.jpg     cells/test/images/9.jpg
    cells/masks/1.png           cells/train/masks/1.png      cells/test/masks/9.png

A mask is brought to the wanted shape as its image is, by the nearest pixel; bars of ``pad`` do not count. All
masks are read at once, four bytes a pixel.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from dnsearch import environment
from dnsearch.data.data_checks import IGNORED, check_memory, check_range, checked_labels
from dnsearch.data.data_files import ENDINGS, listed, refuse
from dnsearch.data.dataset import Labels, Original, Split, of_files
from dnsearch.data.image_files import Files, files_of, fitted, opened
from dnsearch.spec.data_section import Data

IMAGES, MASKS = "images", "masks"
PALE = ("L", "P", "1")  # Pillow's modes with one number per pixel
MOST_CLASSES = 256  # of a PNG with a palette
VEIL = 0.5  # how much of an image a mask covers
LAYOUT = "Put images into images/ and their masks, PNGs of the same names, into masks/."

Pixels = NDArray[np.float32]
Mask = NDArray[np.integer]


def read(data: Data) -> Original:
    """All images of a folder with their masks."""
    folder = Path(data.location)
    apart = (folder / "train").is_dir()
    test = _split(folder / "test", data) if apart and (folder / "test").is_dir() else None
    names = data.class_names or tuple(map(str, range(data.classes or 0)))
    return of_files(_split(folder / "train" if apart else folder, data), test, names)


def _split(folder: Path, data: Data) -> Split:
    pairs = _pairs(folder, Path(data.location))
    files = files_of((image for image, _ in pairs), data)
    check_memory(math.prod(files.shape[:3]) * np.dtype(np.int32).itemsize, folder)
    with ThreadPoolExecutor(environment.cores()) as threads:
        masks = threads.map(lambda pair: _mask(pair, files, data.class_count or 0, data.ignore_label), pairs)
        return Split(files, np.stack([*masks]))


def _pairs(folder: Path, root: Path) -> list[tuple[Path, Path]]:
    """Images with their masks, by name."""
    images, masks = _files(folder / IMAGES, ENDINGS, root), _files(folder / MASKS, (".png",), root)
    if lone := [path for name, path in images.items() if name not in masks]:
        raise refuse(lone[0], f"a mask {MASKS}/{lone[0].stem}.png", "none", LAYOUT)
    if lone := [path for name, path in masks.items() if name not in images]:
        raise refuse(lone[0], f"an image of this name in {IMAGES}/", "none", LAYOUT)
    return [(image, masks[name]) for name, image in images.items()]


def _files(folder: Path, endings: tuple[str, ...], root: Path) -> dict[str, Path]:
    """The files of a folder by their names without ending; hidden ones are ignored."""
    expected, found = f"files ending in {', '.join(endings)}", dict[str, Path]()
    if not folder.is_dir():
        raise refuse(folder, f"a folder of {expected}", "no such folder", LAYOUT)
    for path in listed(folder, root):
        if path.suffix.lower() not in endings:
            raise refuse(path, f"{expected} alone", path.suffix or "none", LAYOUT)
        if path.stem in found:
            raise refuse(path, "every name once", f"also {found[path.stem].name}", "Rename or remove one.")
        found[path.stem] = path
    if not found:
        raise refuse(folder, expected, "none", LAYOUT)
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
    nearest = Image.Resampling.NEAREST
    fitting = fitted(Image.fromarray(labels[0]), width, height, files.resize, nearest, IGNORED)
    return np.asarray(fitting, np.int32)


def palette(classes: int) -> NDArray[np.uint8]:
    """Colours that are easily told apart, (classes, 3): those of Pascal VOC, which begin with black.

    A class's number has its bits dealt to red, green and blue in turn, the lowest to the highest bits.

    >>> palette(4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    numbers = np.arange(classes)[:, np.newaxis]
    colours = np.zeros((classes, 3), np.int64)
    for turn in range(8):
        colours |= ((numbers >> (3 * turn + np.arange(3))) & 1) << (7 - turn)
    return colours.astype(np.uint8)


def visible(pixels: NDArray[Any], limits: tuple[float, float]) -> Pixels:
    """From 0 to 1, in three channels: of one or two the first alone, of more than three the first three."""
    low, high = limits
    shown = pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)
    return ((shown.astype(np.float32) - low) / (high - low if high > low else 1)).clip(0, 1)


def overlaid(image: Pixels, mask: Mask, classes: int) -> Pixels:
    """An image (height, width, 3), from 0 to 1, under its mask; where labels do not count, as it is."""
    colours = palette(classes)[mask.clip(0)].astype(np.float32) / 255
    veil = np.where(mask >= 0, VEIL, 0.0).astype(np.float32)[..., np.newaxis]
    return np.asarray((1 - veil) * image + veil * colours)


def mask_png(mask: Mask, classes: int) -> bytes:
    """A PNG whose palette indices are the class numbers: what the source ``masks`` reads."""
    image = Image.fromarray(mask.astype(np.uint8), mode="L")
    image.putpalette(palette(classes).tobytes())
    return _png(image)


def image_png(image: Pixels) -> bytes:
    """A PNG of an image from 0 to 1."""
    return _png(Image.fromarray((image * 255).round().astype(np.uint8)))


def _png(image: Image.Image) -> bytes:
    content = BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()
