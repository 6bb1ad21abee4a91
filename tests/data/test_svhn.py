import struct
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from dnsearch.data import svhn
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data


def read(folder):
    return svhn.read(Data(source="svhn", path=str(folder)))


def refusal(folder, content=None):
    """The text with which a folder, or another training file in it, is refused."""
    if isinstance(content, bytes):
        (folder / svhn.TRAIN).write_bytes(content)
    elif content is not None:
        savemat(folder / svhn.TRAIN, content)
    with pytest.raises(DataError) as caught:
        read(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_a_folder_is_read(house_numbers, svhn_arrays):
    original = read(house_numbers)
    assert original.training.images.shape == (50, 32, 32, 3)
    assert original.training.images.flags.c_contiguous
    for image in (0, 7, 49):
        assert np.array_equal(original.training.images[image], svhn_arrays(50)["X"][..., image])
    assert np.array_equal(original.test.images[19], svhn_arrays(20, 1)["X"][..., 19])
    assert original.training.labels.dtype == np.int32
    assert original.training.labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]  # 10 is the digit 0
    assert original.class_names == tuple("0123456789")
    assert original.largest_pixel == 255


def test_extra_images_are_learned_from(house_numbers, svhn_arrays):
    savemat(house_numbers / svhn.EXTRA, svhn_arrays(30, 2), do_compression=True)
    original = read(house_numbers)
    assert len(original.training) == 80
    assert np.array_equal(original.training.images[50], svhn_arrays(30, 2)["X"][..., 0])
    assert len(original.test) == 20


def test_labels_of_class_double_and_other_arrays_are_no_obstacle(house_numbers, svhn_arrays):
    arrays = svhn_arrays(5)
    savemat(house_numbers / svhn.TRAIN, arrays | {"y": arrays["y"].astype(float), "note": np.zeros(3)})
    assert read(house_numbers).training.labels.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "value",
    [
        {"field": np.zeros(3, np.uint8)},
        np.array([np.zeros(2), "text"], object),
        "text",
        np.zeros((32, 32, 3, 2)),
        np.zeros((28, 28, 3, 2), np.uint8),
    ],
)
def test_pixels_of_other_types_and_shapes_are_refused(house_numbers, svhn_arrays, value):
    text = refusal(house_numbers, svhn_arrays(2) | {"X": value})
    assert ", X\n  expected uint8 of shape (32, 32, 3, n), found " in text


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([[1], [0]], np.uint8), "expected labels from 1 to 10, found 0 for image 1"),
        (np.array([[11], [1]], np.uint8), "expected labels from 1 to 10, found 11 for image 0"),
        (np.ones((3, 1), np.uint8), "expected one label for each of 2 images"),
        (np.array([["a"], ["b"]], object), "expected labels that are numbers, found cell"),
    ],
)
def test_wrong_labels_are_refused(house_numbers, svhn_arrays, labels, expected):
    text = refusal(house_numbers, svhn_arrays(2) | {"y": labels})
    assert f"{svhn.TRAIN}, y\n  {expected}" in text


def test_missing_files_and_arrays_are_named(house_numbers, svhn_arrays):
    assert "expected the arrays X and y, found X" in refusal(house_numbers, {"X": svhn_arrays(2)["X"]})
    (house_numbers / svhn.TEST).unlink()
    text = refusal(house_numbers)
    assert "expected a folder with train_32x32.mat, test_32x32.mat and, if wanted, extra_32x32.mat" in text
    assert "found no test_32x32.mat" in text
    assert "ufldl.stanford.edu/housenumbers" in text


def test_more_than_the_memory_holds_is_refused_unread(house_numbers, monkeypatch):
    from dnsearch import environment

    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 1000)
    assert "GiB of pixels, the memory that is free" in refusal(house_numbers)


@pytest.mark.parametrize("compressed", [True, False])
def test_files_that_end_early_are_refused(house_numbers, compressed, svhn_arrays):
    path = house_numbers / svhn.TRAIN
    savemat(path, svhn_arrays(5), do_compression=compressed)
    content = path.read_bytes()
    for end in (0, 127, 128, 132, 140, 150, 180, 200, 5000, 10_000):
        assert f"{path}\n  expected " in refusal(house_numbers, content[:end])


def test_other_formats_are_refused(house_numbers):
    text = refusal(house_numbers, b"\x89HDF\r\n\x1a\n".ljust(600, b"\0"))
    assert "expected a whole MAT-file of version 5, found " in text
    assert "Get the file again." in text


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(("part", "kind"), [("X", 2), ("y", 9)])
def test_kinds_of_numbers_that_no_mat_file_has_are_refused(
    house_numbers, svhn_arrays, part, kind, compressed
):
    """SciPy alone ends the process: it looks the kind up beyond the end of its table."""
    arrays = svhn_arrays(2) | {"note": np.zeros(0), "y": np.array([[1.0], [2.0]])}
    path = house_numbers / svhn.TRAIN
    savemat(path, arrays | {"cells": np.array([], object)}, do_compression=False)
    content = bytearray(path.read_bytes())
    at = content.index(b"\x01\x00\x01\x00" + part.encode()) + 8
    assert content[at] == kind
    content[at : at + 4] = struct.pack("<I", 0x2002)
    if compressed:
        (size,) = struct.unpack_from("<I", content, 132)
        assert part == "y" or content[128:136] == struct.pack("<II", 14, size)
        packed = zlib.compress(content[128 : 136 + size])
        content[128 : 136 + size] = struct.pack("<II", 15, len(packed)) + packed
    said = refusal(house_numbers, bytes(content))
    assert f"expected a whole MAT-file of version 5, found {part} with numbers of kind 8194" in said


def test_complex_labels_are_refused(house_numbers, svhn_arrays):
    text = refusal(house_numbers, svhn_arrays(2) | {"y": np.array([[1.0 + 1j], [2.0]])})
    assert "found y with numbers of kind 9" in text


def test_a_file_that_holds_more_than_its_header_promises_is_refused(house_numbers):
    shape = (32, 32, 3, 2)
    parts = struct.pack("<IIII", 6, 8, 9, 0) + struct.pack("<II4i", 5, 16, *shape)
    parts += struct.pack("<HH4s", 1, 1, b"X") + struct.pack("<II", 2, 2**24) + bytes(2**24)
    packed = zlib.compress(struct.pack("<II", 14, len(parts)) + parts)
    labels = struct.pack("<IIII", 6, 8, 9, 0) + struct.pack("<II2i", 5, 8, 2, 1)
    labels += struct.pack("<HH4s", 1, 1, b"y") + struct.pack("<HH4B", 2, 2, 1, 2, 0, 0)
    content = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed
    content += struct.pack("<II", 14, len(labels)) + labels
    assert "expected a whole MAT-file of version 5, found " in refusal(house_numbers, content)


def test_damaged_files_are_refused_and_nothing_else(house_numbers, svhn_arrays):
    path = house_numbers / svhn.TRAIN
    savemat(path, svhn_arrays(1), do_compression=True)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for position in rng.integers(128, 300, 3):
            damaged[position] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read(house_numbers)
        except DataError as error:
            assert str(path) in str(error)
