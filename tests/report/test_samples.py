"""The contact sheet."""

import io

import numpy as np
import pytest
from PIL import Image

from dnsearch.report.pictures import DPI, MARGIN, Pair, contact_sheet

WHITE = np.ones((8, 8, 3), np.float32)
RED = WHITE * np.array([1, 0, 0], np.float32)


def sheet(pairs, compared):
    return np.asarray(
        Image.open(io.BytesIO(contact_sheet("name", "how", pairs, compared=compared))).convert("RGB")
    )


def red_pixels(image):
    return ((image[..., 0] > 240) & (image[..., 1] < 15)).sum()


def test_the_image_is_shown_and_beside_it_what_it_was():
    pairs = [Pair(WHITE, RED, (("cat", 1.0),))] * 3
    alone, compared = sheet(pairs, compared=False), sheet(pairs, compared=True)
    assert compared.shape[1] > alone.shape[1] > 2 * MARGIN * DPI
    assert red_pixels(alone) == pytest.approx(red_pixels(compared), rel=0.02)
    assert red_pixels(alone) > 3 * 100**2


def test_two_classes_make_room_for_two_lines():
    one = sheet([Pair(WHITE, RED, (("cat", 1.0),))], compared=True)
    two = sheet([Pair(WHITE, RED, (("cat", 0.7), ("dog", 0.3)))], compared=True)
    assert two.shape[0] > one.shape[0]


def test_long_names_and_wide_images_stay_on_the_page():
    wide = np.zeros((4, 40, 3), np.float32)
    image = sheet(
        [Pair(wide, wide, (("a very long name of a class that no sheet has room for\n", 1.0),))], True
    )
    border = int(0.5 * MARGIN * DPI)
    assert (image[:, -border:] == 255).all() and (image[-border:] == 255).all()
