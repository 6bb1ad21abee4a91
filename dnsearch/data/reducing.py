"""Images averaged down to a smaller size: what a training that begins with small images reads.

Each new pixel is the mean over the area that it covers, old pixels at its edges by the share that lies
inside. So the mean of an image stays what it was, whatever the two sizes are.
"""

import numpy as np
from numpy.typing import NDArray

CHUNK_PIXELS = 2**18

Pixels = NDArray[np.uint8 | np.float32]


def reduced(images: Pixels, size: tuple[int, int]) -> Pixels:
    """Images at a smaller height and width.

    Bytes are rounded, halves up. Their sums are whole numbers that float64 holds exactly, so that it makes no
    difference how many images are reduced at once.

    >>> image = np.array([[[[0], [4], [8]]]], np.uint8)
    >>> reduced(image, (1, 2)).ravel().tolist()
    [1, 7]

    Args:
        images: (n, height, width, channels).
        size: the new height and width, each from 1 to the old one.
    """
    count, height, width, channels = images.shape
    rows, columns = _overlaps(height, size[0]), _overlaps(width, size[1])
    made: Pixels = np.empty((count, *size, channels), images.dtype)
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
    covered: NDArray[np.float64] = np.maximum(0, last - first).astype(np.float64)
    return covered
