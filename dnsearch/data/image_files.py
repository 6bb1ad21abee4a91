"""PNG and JPEG files → arrays of one shape. Training and prediction read images here alone.

Files come from strangers, so only these two formats are opened, and the size is checked before anything is
decoded. ``Files`` is a value beside arrays of pixels: a set that is larger than the memory is split, measured
and batched like any other, and gives the same pixels bit for bit.
"""

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from dnsearch import environment
from dnsearch.data.data_files import MODES, file_shape, reading, refuse
from dnsearch.spec.data_section import Data, Resize

FORMATS: dict[bytes, type[PngImageFile | JpegImageFile]] = {  # how a file begins → what reads it
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"\xff\xd8\xff": JpegImageFile,
}
MAX_PIXELS = 89_478_485  # 256 MiB of RGB, Pillow's own limit
CHUNK_PIXELS = 2**18


def read_image(path: Path, image_shape: tuple[int, int, int], resize: Resize) -> NDArray[np.uint8]:
    """One image of 8 bits per channel, brought to a shape (height, width, channels)."""
    height, width, channels = file_shape(image_shape)
    with opened(path) as image:
        if image.mode.startswith(("I", "F")):
            hint = "Save it with 8 bits per channel."
            raise refuse(path, "8 bits per channel", f"an image of mode {image.mode}", hint)
        clear = image.mode == "P" and "transparency" in image.info
        converted = (image.convert("RGBA") if clear else image).convert(MODES[channels])
    return np.asarray(fitted(converted, width, height, resize), np.uint8).reshape(image_shape)


@contextmanager
def opened(path: Path) -> Iterator[PngImageFile | JpegImageFile]:
    """An image file whose header was found sensible, still undecoded, for a block that decodes it."""
    expected, hint = "a PNG or JPEG image", "Remove or replace the file."
    with reading(path, expected, hint) as stream:
        beginning = stream.read(8)
        stream.seek(0)
        # Image.open warns of large images, and warnings belong to the whole process, not to one thread.
        readers = [reader for start, reader in FORMATS.items() if beginning.startswith(start)]
        if not readers:
            raise refuse(path, expected, "another format", hint)
        image = readers[0](stream)
        if image.width * image.height > MAX_PIXELS:
            found = f"{image.width:,} x {image.height:,}"
            raise refuse(path, f"at most {MAX_PIXELS:,} pixels", found, "Make the image smaller.")
        yield image


def fitted(
    image: Image.Image,
    width: int,
    height: int,
    resize: Resize,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
    fill: int = 0,
) -> Image.Image:
    """An image at a size; bilinear, and averaged over all pixels that fall together where it shrinks.

    Stretched each side by itself, cropped to the largest centred piece of the wanted proportions, or padded:
    whole and centred between bars of the value ``fill``.

    >>> wide = Image.new("L", (80, 40), color=9)
    >>> [fitted(wide, 20, 20, resize).getpixel((10, 0)) for resize in ("stretch", "crop", "pad")]
    [9, 9, 0]
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


def reduced(images: NDArray[np.uint8 | np.float32], size: tuple[int, int]) -> NDArray[np.uint8 | np.float32]:
    """Images, (n, height, width, channels), at a smaller height and width; bytes are rounded, halves up.

    Sums of bytes are exact in float64, so it makes no difference how many images are reduced at once.

    >>> image = np.array([[[[0], [4], [8]]]], np.uint8)
    >>> reduced(image, (1, 2)).ravel().tolist()
    [1, 7]
    """
    count, height, width, channels = images.shape
    rows, columns = _overlaps(height, size[0]), _overlaps(width, size[1])
    made: NDArray[np.uint8 | np.float32] = np.empty((count, *size, channels), images.dtype)
    at_once = max(1, CHUNK_PIXELS // (height * width * channels))
    for start in range(0, count, at_once):
        some = images[start : start + at_once].astype(np.float64)
        lower = rows @ some.reshape(len(some), height, width * channels)
        sums = columns @ lower.reshape(len(some), size[0], width, channels)
        means = sums / (height * width)
        made[start : start + at_once] = np.floor(means + 0.5) if images.dtype == np.uint8 else means
    return made


def _overlaps(old: int, new: int) -> NDArray[np.float64]:
    """(new, old): what each new pixel covers of each old one, in parts of which an old one has ``new``."""
    before, after = np.arange(old + 1) * new, np.arange(new + 1) * old
    first = np.maximum(after[:-1, np.newaxis], before[:-1])
    last = np.minimum(after[1:, np.newaxis], before[1:])
    return np.asarray(np.maximum(0, last - first), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """Image files, brought to one shape when they are read, and then averaged down to a size."""

    paths: tuple[str, ...]
    image_shape: tuple[int, int, int]
    resize: Resize
    size: tuple[int, int] | None = None
    dtype: ClassVar[np.dtype[np.uint8]] = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, height, width, channels), as an array has it."""
        height, width, channels = self.image_shape
        return (len(self.paths), *(self.size or (height, width)), channels)

    @property
    def nbytes(self) -> int:
        """Bytes that all pixels together would take."""
        return math.prod(self.shape)

    def __getitem__(self, positions: NDArray[np.intp] | slice) -> "Files":
        """The files at some positions, in that order; nothing is read."""
        chosen = np.arange(len(self.paths))[positions]
        return replace(self, paths=tuple(self.paths[position] for position in chosen))

    def at(self, size: tuple[int, int]) -> "Files":
        """The same files, averaged down to a height and width when they are read."""
        return replace(self, size=size)

    def read(self) -> NDArray[np.uint8]:
        """The pixels, (n, height, width, channels), by as many threads as there are cores."""
        images = np.empty(self.shape, np.uint8)

        def read_into(room: NDArray[np.uint8], path: str) -> None:
            image = read_image(Path(path), self.image_shape, self.resize)
            room[...] = image if self.size is None else reduced(image[np.newaxis], self.size)[0]

        with ThreadPoolExecutor(environment.cores()) as threads:
            for _ in threads.map(read_into, images, self.paths):
                pass  # an error of a thread is raised here
        return images


def files_of(paths: Iterable[Path], data: Data) -> Files:
    """Image files as a section wants them."""
    return Files(tuple(map(str, paths)), file_shape(data.image_shape), data.resize)
