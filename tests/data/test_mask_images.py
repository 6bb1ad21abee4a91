"""Masks as pictures."""

import io

import numpy as np
from PIL import Image

from dnsearch.data.mask_images import image_png, mask_png, overlaid, palette


def test_a_mask_s_file_holds_its_numbers_and_colours():
    mask = np.arange(12).reshape(3, 4)
    image = Image.open(io.BytesIO(mask_png(mask, 12)))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), mask)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), palette(12)[mask])


def test_the_colours_are_those_of_pascal_voc_and_all_different():
    colours = palette(256)
    assert colours[[15, 20, 255]].tolist() == [[192, 128, 128], [0, 64, 128], [224, 224, 192]]
    assert len(np.unique(colours, axis=0)) == 256


def test_an_overlay_leaves_pixels_that_do_not_count():
    image = np.full((1, 2, 3), 0.5, np.float32)
    painted = overlaid(image, np.array([[-1, 1]]), 2)
    np.testing.assert_allclose(painted[0], [[0.5] * 3, [0.25 + 64 / 255, 0.25, 0.25]], atol=1e-6)
    shown = np.asarray(Image.open(io.BytesIO(image_png(painted))))
    assert shown[0].tolist() == [[128] * 3, [128, 64, 64]]
