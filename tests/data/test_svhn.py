import struct
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from dnsearch.data import svhn
from dnsearch.data.mat import arrays
from dnsearch.errors import DataError


def refusal(path, content=None, read=lambda path: arrays(path, ("X", "y"))):
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        savemat(path, content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_folder_is_read(house_numbers, svhn_arrays):
    original = svhn.read(house_numbers)
    assert original.training.images.shape == (50, 32, 32, 3)
    assert original.training.images.flags.c_contiguous
    for image in (0, 7, 49):
        assert np.array_equal(original.training.images[image], svhn_arrays(50)["X"][..., image])
    assert np.array_equal(original.test.images[19], svhn_arrays(20, 1)["X"][..., 19])
    assert original.training.labels.dtype == np.int32
    assert original.class_names == tuple("0123456789")
    assert original.largest_pixel == 255


def test_label_10_is_the_digit_0(house_numbers):
    assert svhn.read(house_numbers).training.labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_extra_images_are_learned_from(house_numbers, svhn_arrays):
    savemat(house_numbers / svhn.EXTRA, svhn_arrays(30, 2), do_compression=True)
    original = svhn.read(house_numbers)
    assert len(original.training) == 80
    assert np.array_equal(original.training.images[50], svhn_arrays(30, 2)["X"][..., 0])
    assert len(original.test) == 20


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("images", [1, 3, 4, 5, 1000])
def test_what_scipy_writes_is_read(tmp_path, compressed, images, svhn_arrays):
    path = tmp_path / "a.mat"
    savemat(path, svhn_arrays(images), do_compression=compressed)
    read = arrays(path, ("X", "y"))
    assert np.array_equal(read["X"], svhn_arrays(images)["X"])
    assert np.array_equal(read["y"], svhn_arrays(images)["y"])


def test_doubles_that_matlab_stores_as_bytes_are_read(tmp_path):
    """As in the official files: MATLAB keeps the class of an array, and shortens what it stores."""
    path = tmp_path / "a.mat"
    savemat(path, {"y": np.array([[1], [10]], np.uint8)})
    content = bytearray(path.read_bytes())
    assert content[144] == 9  # the class uint8, in the flags of the first array
    content[144] = 6
    path.write_bytes(content)
    assert arrays(path, ("y",))["y"].tolist() == [[1], [10]]


class Payload:
    """Would be stored as an object."""


@pytest.mark.parametrize(
    "value",
    [
        {"field": np.zeros(3, np.uint8)},
        np.array([np.zeros(2), "text"], object),
        "text",
        np.zeros((2, 2), np.uint8) * 1j,
    ],
)
def test_structures_cells_text_and_complex_numbers_are_refused(tmp_path, value):
    text = refusal(tmp_path / "a.mat", {"X": value})
    assert "expected arrays of plain numbers, found an array of class " in text


@pytest.mark.parametrize("array_class", [1, 2, 3, 5, 16, 17, 18, 255])
def test_every_class_that_is_no_number_is_refused(tmp_path, array_class):
    """3 is an object, 16 a function handle, 17 an opaque object."""
    path = tmp_path / "a.mat"
    savemat(path, {"X": np.zeros((2, 2), np.uint8)})
    content = bytearray(path.read_bytes())
    content[144] = array_class
    assert f"found an array of class {array_class}\n" in refusal(path, bytes(content))


def test_other_arrays_are_refused(tmp_path, svhn_arrays):
    text = refusal(tmp_path / "a.mat", svhn_arrays(2) | {"hidden": np.zeros(3, np.uint8)})
    assert "expected the arrays X, y alone, found hidden" in text
    assert "expected the arrays X, y, found no y" in refusal(tmp_path / "a.mat", {"X": svhn_arrays(2)["X"]})


def test_the_same_array_twice_is_refused(tmp_path):
    savemat(tmp_path / "a.mat", {"y": np.ones((9, 1), np.uint8)})
    content = (tmp_path / "a.mat").read_bytes()
    assert "expected the array y once, found it again" in refusal(tmp_path / "a.mat", content + content[128:])


def test_values_that_are_no_bytes_are_refused(tmp_path):
    text = refusal(tmp_path / "a.mat", {"X": np.full((3, 3), 0.5)})
    assert ", X\n  expected unsigned bytes, found values of type 9" in text


def matrix(shape, claimed, content):
    """An array X of bytes, with a shape and a number of bytes that it claims to have."""
    dimensions = struct.pack(f"<II{len(shape)}i", 5, 4 * len(shape), *shape)
    dimensions += bytes(-len(dimensions) % 8)
    parts = struct.pack("<IIII", 6, 8, 9, 0) + dimensions + struct.pack("<HH4s", 1, 1, b"X")
    body = parts + struct.pack("<II", 2, claimed) + content
    return struct.pack("<II", 14, len(body)) + body


def mat(element):
    return b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + element


def packed(element):
    content = zlib.compress(element)
    return mat(struct.pack("<II", 15, len(content)) + content)


def test_the_files_of_these_tests_are_what_scipy_understands(tmp_path):
    from scipy.io import loadmat

    for content in (mat(matrix((2, 4), 8, bytes(range(8)))), packed(matrix((2, 4), 8, bytes(range(8))))):
        (tmp_path / "a.mat").write_bytes(content)
        assert np.array_equal(loadmat(tmp_path / "a.mat")["X"], arrays(tmp_path / "a.mat", ("X",))["X"])


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "a.mat"
    text = refusal(path, packed(matrix((2, 2), 2**27, bytes(2**27))))
    assert "expected as many bytes as an array of shape (2, 2) has, found 134217728" in text
    text = refusal(path, packed(matrix((2**11, 2**10, 2**10, 2**10), 2**32 - 1, b"")))
    assert "expected as many bytes as an array of shape" in text


def test_more_than_the_memory_holds_is_refused_unread(tmp_path, monkeypatch, svhn_arrays):
    from dnsearch import environment

    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 1000)
    assert "GiB of pixels, the memory that is free" in refusal(tmp_path / "a.mat", svhn_arrays(2))


@pytest.mark.parametrize("shape", [(0, 4), (-2, -2), ()])
def test_senseless_shapes_are_refused(tmp_path, shape):
    text = refusal(tmp_path / "a.mat", mat(matrix(shape, 4, bytes(8))))
    assert f"expected as many bytes as an array of shape {shape} has, found 4" in text


@pytest.mark.parametrize("compressed", [True, False])
def test_files_that_end_early_are_refused(tmp_path, compressed, svhn_arrays):
    path = tmp_path / "a.mat"
    savemat(path, svhn_arrays(5), do_compression=compressed)
    content = path.read_bytes()
    for end in (128, 132, 140, 150, 180, 200, 5000, 10_000):
        assert "expected " in refusal(path, content[:end])
    for end in (0, 127):
        assert "expected a MAT-file of version 5, little-endian, found another beginning" in refusal(
            path, content[:end]
        )


def test_damaged_files_are_refused_and_nothing_else(tmp_path, svhn_arrays):
    path = tmp_path / "a.mat"
    savemat(path, svhn_arrays(1), do_compression=True)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for position in rng.integers(128, 300, 3):
            damaged[position] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            arrays(path, ("X", "y"))
        except DataError as error:
            assert str(path) in str(error)


def test_other_elements_and_formats_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    assert "expected arrays alone, found an element of type 9" in refusal(
        path, mat(struct.pack("<IId", 9, 8, 1.0))
    )
    assert "another beginning" in refusal(path, b"\x89HDF\r\n\x1a\n".ljust(600, b"\0"))
    assert "expected a whole MAT-file of version 5, found an element of type 5" in refusal(
        path, mat(struct.pack("<IIII", 14, 8, 5, 8) + bytes(8))
    )
    assert "No such file" in refusal(tmp_path / "gone.mat")


def test_missing_files_are_named(house_numbers):
    (house_numbers / svhn.TEST).unlink()
    text = refusal(house_numbers, read=svhn.read)
    assert "expected a folder with train_32x32.mat, test_32x32.mat and, if wanted, extra_32x32.mat" in text
    assert "found no test_32x32.mat" in text
    assert "ufldl.stanford.edu/housenumbers" in text


def test_other_shapes_are_refused(house_numbers):
    savemat(
        house_numbers / svhn.TRAIN, {"X": np.zeros((28, 28, 3, 2), np.uint8), "y": np.ones((2, 1), np.uint8)}
    )
    assert ", X\n  expected shape (32, 32, 3, n), found (28, 28, 3, 2)" in refusal(
        house_numbers, read=svhn.read
    )


@pytest.mark.parametrize(("label", "found"), [(0, "0"), (11, "11")])
def test_labels_out_of_range_are_refused(house_numbers, label, found, svhn_arrays):
    images = svhn_arrays(5)
    images["y"][3] = label
    savemat(house_numbers / svhn.TRAIN, images)
    text = refusal(house_numbers, read=svhn.read)
    assert f", y\n  expected labels from 1 to 10, found {found} for image 3" in text


def test_labels_have_to_be_one_for_each_image(house_numbers, svhn_arrays):
    savemat(house_numbers / svhn.TRAIN, svhn_arrays(5) | {"y": np.ones((4, 1), np.uint8)})
    assert "expected one label for each of 5 images" in refusal(house_numbers, read=svhn.read)
