"""One PNG or JPEG file → one array of a wanted shape. Training and prediction read images here alone.

Files come from strangers, so only these two formats are opened, the size is looked at before anything is
decoded, and whatever a decoder stumbles over is refused with the file's name. Nothing here is shared
between calls: many threads may read at once, and Pillow lets them, since it decodes without Python's lock.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from dnsearch.data.checks import refuse
from dnsearch.spec.data import Resize

ENDINGS = (".png", ".jpg", ".jpeg")
FORMATS: dict[bytes, type[PngImageFile | JpegImageFile]] = {
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"\xff\xd8\xff": JpegImageFile,
}
"""How a file begins → what reads it."""
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels → what Pillow calls it."""
MAX_PIXELS = 89_478_485
"""Larger images are refused undecoded: 256 MiB of RGB, Pillow's own limit."""
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
"""What Pillow's decoders raise over broken files."""


def read_image(path: Path, image_shape: tuple[int, int, int], resize: Resize) -> NDArray[np.uint8]:
    """One image, brought to a shape.

    Args:
        path: a PNG or JPEG file.
        image_shape: (height, width, channels), channels 1 (grey), 3 (RGB) or 4 (RGB and opacity).
        resize: how it is brought to height and width.

    Raises:
        DataError: the file is missing, no image, broken, too large, or has more than 8 bits per channel.
    """
    height, width, channels = supported(image_shape)
    with opened(path) as image:
        converted = _converted(image, MODES[channels], path)
    return np.asarray(fitted(converted, width, height, resize), np.uint8).reshape(image_shape)


@contextmanager
def opened(path: Path) -> Iterator[PngImageFile | JpegImageFile]:
    """An image file whose header was found sensible, still undecoded, for a block that decodes it.

    Raises:
        DataError: the file is missing, no image, broken or too large.
    """
    try:
        with path.open("rb") as stream:
            image = _opened(stream, path)
            if image.width * image.height > MAX_PIXELS:
                found = f"{image.width:,} x {image.height:,}"
                raise refuse(path, f"at most {MAX_PIXELS:,} pixels", found, "Make the image smaller.")
            yield image
    except UNREADABLE as error:
        raise refuse(path, "a PNG or JPEG image", str(error), "Remove or replace the file.") from error


def supported(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The same shape, if images can be brought to it.

    Raises:
        DataError: there are neither 1, 3 nor 4 channels.
    """
    if image_shape[2] not in MODES:
        hint = "Use 1 for grey, 3 for RGB or 4 for RGB and opacity; for others save arrays: source: npz."
        raise refuse("data.image_shape", "1, 3 or 4 channels for PNG and JPEG", str(image_shape[2]), hint)
    return image_shape


def fitted(
    image: Image.Image,
    width: int,
    height: int,
    resize: Resize,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
    fill: int = 0,
) -> Image.Image:
    """An image at a size; bilinear, and averaged over all pixels that fall together where it shrinks.

    >>> wide = Image.new("L", (80, 40), color=9)
    >>> [fitted(wide, 20, 20, resize).getpixel((10, 0)) for resize in ("stretch", "crop", "pad")]
    [9, 9, 0]

    Args:
        image: the image.
        width: the wanted width.
        height: the wanted height.
        resize: stretch: each side by itself; crop: the largest centred piece of the wanted proportions;
            pad: the whole image, centred, with black (and, where there is opacity, clear) bars.
        resample: NEAREST for masks.
        fill: the bars' value; 0 is black.
    """
    if image.size == (width, height):
        return image
    match resize:
        case "stretch":
            return image.resize((width, height), resample)
        case "crop":
            factor = max(width / image.width, height / image.height)
            across, down = min(image.width, width / factor), min(image.height, height / factor)
            left, top = (image.width - across) / 2, (image.height - down) / 2
            return image.resize((width, height), resample, (left, top, left + across, top + down))
        case "pad":
            factor = min(width / image.width, height / image.height)
            across, down = (max(1, round(side * factor)) for side in image.size)
            canvas = Image.new(image.mode, (width, height), fill)
            inner = image.resize((across, down), resample)
            canvas.paste(inner, ((width - across) // 2, (height - down) // 2))
            return canvas


def _opened(stream: BinaryIO, path: Path) -> PngImageFile | JpegImageFile:
    # Image.open tells of large images by a process-wide warning, which threads cannot catch each for itself.
    beginning = stream.read(8)
    stream.seek(0)
    for start, reader in FORMATS.items():
        if beginning.startswith(start):
            return reader(stream)
    raise refuse(path, "a PNG or JPEG image", "another format", "Remove or replace the file.")


def _converted(image: Image.Image, mode: str, path: Path) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        hint = "Save it with 8 bits per channel."
        raise refuse(path, "8 bits per channel", f"an image of mode {image.mode}", hint)
    if image.mode == "P" and "transparency" in image.info:
        return image.convert("RGBA").convert(mode)
    return image.convert(mode)
