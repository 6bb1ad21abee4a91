"""Images averaged down: against the definition, and the same however they are read."""

from fractions import Fraction
from itertools import product
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dnsearch.data import dataset as images_module
from dnsearch.data import image_files
from dnsearch.data.image_files import Files, reduced
from dnsearch.data.sources import load
from dnsearch.spec.data_section import Data

SIDE = st.integers(1, 7)


def by_definition(image, size):
    """The mean over the area of each new pixel, in fractions."""
    height, width = image.shape
    made = np.empty(size, object)
    for row, column in product(range(size[0]), range(size[1])):
        total = Fraction(0)
        for i, j in product(range(height), range(width)):
            down = overlap(row, i, Fraction(height, size[0]))
            across = overlap(column, j, Fraction(width, size[1]))
            total += down * across * int(image[i, j])
        made[row, column] = total / (Fraction(height, size[0]) * Fraction(width, size[1]))
    return made


def overlap(new, old, length):
    return max(Fraction(0), min((new + 1) * length, Fraction(old + 1)) - max(new * length, Fraction(old)))


@settings(max_examples=30)
@given(old=st.tuples(SIDE, SIDE), data=st.data())
def test_each_pixel_is_the_mean_of_its_area(old, data):
    size = tuple(data.draw(st.integers(1, side)) for side in old)
    image = np.random.default_rng(old).integers(0, 256, old).astype(np.uint8)
    expected = by_definition(image, size)
    found = reduced(image[np.newaxis, ..., np.newaxis], size)
    assert found.dtype == np.uint8
    assert found[0, ..., 0].tolist() == [[floor(each + Fraction(1, 2)) for each in row] for row in expected]
    real = reduced(image[np.newaxis, ..., np.newaxis].astype(np.float32), size)
    assert real.dtype == np.float32
    np.testing.assert_allclose(real[0, ..., 0], expected.astype(float), rtol=1e-6)


def test_half_the_size_is_pooling():
    images = np.random.default_rng(1).integers(0, 256, (5, 8, 6, 3)).astype(np.uint8)
    pooled = images.reshape(5, 4, 2, 3, 2, 3).mean(axis=(2, 4))
    assert np.array_equal(reduced(images, (4, 3)), np.floor(pooled + 0.5).astype(np.uint8))


@pytest.mark.parametrize("at_once", [1, 7, 10**9])
def test_it_makes_no_difference_how_many_are_reduced_at_once(monkeypatch, at_once):
    images = np.random.default_rng(2).integers(0, 256, (20, 9, 7, 3)).astype(np.uint8)
    whole = reduced(images, (5, 4))
    monkeypatch.setattr(image_files, "CHUNK_PIXELS", at_once * 9 * 7 * 3)
    assert np.array_equal(reduced(images, (5, 4)), whole)


@pytest.fixture
def photographs(tmp_path):
    """A folder of 2 classes of 20 images of different sizes."""
    rng = np.random.default_rng(0)
    for name in ("day", "night"):
        (tmp_path / name).mkdir()
        for number in range(20):
            pixels = rng.integers(0, 256, (*rng.integers(9, 40, 2), 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number:02d}.png")
    return Data(source="folder", path=str(tmp_path), image_shape=(12, 10, 3), resize="crop")


def test_files_give_what_images_in_memory_give(photographs, monkeypatch):
    held = load(photographs).at((7, 5))
    monkeypatch.setattr(images_module, "MEMORY_SHARE", 0)
    streamed = load(photographs).at((7, 5))
    assert isinstance(streamed.training.images, Files)
    assert streamed.image_shape == held.image_shape == (7, 5, 3)
    assert streamed.training.images.nbytes == held.training.images.nbytes
    for one, other in ((held.training, streamed.training), (held.validation, streamed.validation)):
        assert np.array_equal(one.images, other.images.read())
        some = np.array([3, 0, 1])
        assert np.array_equal(one.take(some).images, other.take(some).images.read())
        assert one.labels.tolist() == other.labels.tolist()


def test_the_scaling_is_that_of_the_whole_images(photographs):
    whole = load(photographs)
    small = whole.at((6, 6))
    assert small.scaling == whole.scaling
    assert small.class_names == whole.class_names
    assert small.test is None
