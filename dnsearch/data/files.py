"""Image files that are read when their pixels are wanted, as a value beside arrays of pixels.

``Files`` has what is asked of an array of images, shape and length, and reads any positions on demand. So
a set that is larger than the memory is split, measured and batched like any other, and gives the same
pixels bit for bit.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dnsearch import runtime
from dnsearch.data.pictures import read_image
from dnsearch.data.reducing import reduced
from dnsearch.spec.data import Resize


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """Image files that are brought to one shape when they are read.

    Args:
        paths: PNG or JPEG files.
        image_shape: (height, width, channels) of every image.
        resize: how an image is brought to height and width.
        size: the height and width that it is then averaged down to; None: it stays as it is.
    """

    paths: tuple[str, ...]
    image_shape: tuple[int, int, int]
    resize: Resize
    size: tuple[int, int] | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, height, width, channels), as an array has it."""
        height, width, channels = self.image_shape
        return (len(self.paths), *(self.size or (height, width)), channels)

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Pixels of files are bytes."""
        return np.dtype(np.uint8)

    @property
    def nbytes(self) -> int:
        """Bytes that all pixels together would take.

        >>> Files(("a.png", "b.png"), (32, 32, 3), "stretch").nbytes
        6144
        """
        return math.prod(self.shape)

    def __getitem__(self, positions: NDArray[np.intp] | slice) -> "Files":
        """The files at some positions, in that order; nothing is read."""
        chosen = np.arange(len(self.paths))[positions]
        return replace(self, paths=tuple(self.paths[position] for position in chosen))

    def at(self, size: tuple[int, int]) -> "Files":
        """The same files, averaged down to a height and width when they are read; nothing is read.

        >>> Files(("a.png",), (32, 32, 3), "stretch").at((24, 20)).shape
        (1, 24, 20, 3)
        """
        return replace(self, size=size)

    def read(self) -> NDArray[np.uint8]:
        """The pixels, (n, height, width, channels), by as many threads as there are cores.

        Raises:
            DataError: a file is missing, no image, broken or too large.
        """
        images = np.empty(self.shape, np.uint8)
        with ThreadPoolExecutor(runtime.cores()) as threads:
            for _ in threads.map(self._read_into, images, self.paths):
                pass  # an error of a thread is raised here
        return images

    def _read_into(self, room: NDArray[np.uint8], path: str) -> None:
        image = read_image(Path(path), self.image_shape, self.resize)
        room[...] = image if self.size is None else reduced(image[np.newaxis], self.size)[0]
