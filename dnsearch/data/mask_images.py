"""Masks as pictures: colours for classes, over images or in files of their own."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]
Mask = NDArray[np.integer]
MOST_CLASSES = 256
"""Of a PNG with a palette."""
VEIL = 0.5
"""How much of an image a mask covers."""


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
    painted: Pixels = (1 - veil) * image + veil * colours
    return painted


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
