"""The contact sheet and the table of a data set."""

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from dnsearch.report.data_tables import Collection, image_table, images_json
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


def collection(**changes):
    fields = {
        "name": "pets",
        "image_shape": (32, 30, 3),
        "class_names": ("cat", "[red]dog"),
        "counts": {"training": [1200, 3], "validation": [10, 1]},
        "images": {"training": 1203, "validation": 11},
        "masks": False,
        "offset": (125.0, 0.0, 1.5),
        "scale": (63.25, 255.0, 2.0),
    }
    return Collection(**(fields | changes))


def shown(images):
    console = Console(width=60, file=io.StringIO())
    console.print(image_table(images))
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines() if line.strip()]


def test_the_table():
    assert shown(collection())[0] == "pets, 32x30x3, 2 classes"
    lines = shown(collection())
    assert "cat 1,200 10" in lines and "[red]dog 3 1" in lines and "images 1,203 11" in lines
    assert lines[-3:] == [
        "channel 1: (pixel - 125) / 63.25",
        "channel 2: (pixel - 0) / 255",
        "channel 3: (pixel - 1.5) / 2",
    ]


def test_many_channels_are_not_all_told():
    lines = shown(collection(offset=(0.0,) * 9, scale=(1.0,) * 9))
    assert lines[-1] == "and 5 more channels"


def test_the_json():
    found = images_json(collection())
    assert found["classes"][0] == {"name": "cat", "training": 1200, "validation": 10}
    assert found["images"] == {"training": 1203, "validation": 11}
