import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from dnsearch.data import npz
from dnsearch.data.sources import load
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data


def section(path, **fields):
    return Data(source="npz", path=str(path), **fields)


def read(path, **fields):
    return npz.read(section(path, **fields))


def facts(path):
    return npz.facts(section(path))


@pytest.fixture
def refusal(arrays, save_npz):
    """A function: changed arrays (None: left out) → the text with which they are refused."""

    def refused(read=read, **changes):
        changed = {name: array for name, array in (arrays | changes).items() if array is not None}
        path = save_npz(changed)
        with pytest.raises(DataError) as caught:
            read(path)
        text = str(caught.value)
        assert text.startswith(str(path))
        return text

    return refused


def test_an_archive_is_read(arrays, save_npz):
    original = read(save_npz(arrays))
    assert np.array_equal(original.training.images, arrays["x_train"])
    assert original.training.images.dtype == np.uint8
    assert original.training.labels.dtype == np.int32
    assert original.training.labels.tolist() == arrays["y_train"].tolist()
    assert np.array_equal(original.test.images, arrays["x_test"])
    assert original.class_names == ("0", "1", "2")
    assert original.largest_pixel == 255


def test_a_compressed_archive_in_any_memory_order_is_read(arrays, tmp_path):
    path = tmp_path / "images.npz"
    turned = arrays | {"x_train": np.asfortranarray(arrays["x_train"])}
    np.savez_compressed(path, **turned)
    images = read(path).training.images
    assert np.array_equal(images, arrays["x_train"])
    assert images.flags.c_contiguous


def test_without_test_arrays_there_is_no_test_part(arrays, save_npz):
    training_only = {name: array for name, array in arrays.items() if name.endswith("train")}
    assert read(save_npz(training_only)).test is None


def test_images_without_channels_get_one(arrays, save_npz):
    grey = {name: array[..., 0] if array.ndim == 4 else array for name, array in arrays.items()}
    original = read(save_npz(grey))
    assert original.training.images.shape == (30, 4, 5, 1)
    assert original.test.images.shape == (9, 4, 5, 1)
    assert facts(save_npz(grey)).image_shape == (4, 5, 1)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_floats_become_float32(arrays, save_npz, dtype):
    floats = {
        name: (array / 255).astype(dtype) if array.ndim == 4 else array for name, array in arrays.items()
    }
    original = read(save_npz(floats))
    assert original.training.images.dtype == np.dtype("float32")
    assert np.array_equal(original.training.images, floats["x_train"].astype(np.float32))
    assert original.largest_pixel is None


@pytest.mark.parametrize("dtype", ["u1", "i4", ">i8", "u8", "f4", "?"])
def test_labels_of_any_number_type_are_read(arrays, save_npz, dtype):
    labels = (np.arange(30) % 2).astype(dtype)
    original = read(save_npz(arrays | {"y_train": labels[:, np.newaxis], "y_test": np.zeros(9, int)}))
    assert original.training.labels.tolist() == [image % 2 for image in range(30)]


def test_facts_are_read_without_the_images(arrays, save_npz):
    path = save_npz(arrays | {"x_train": np.zeros((3000, 4, 5, 3), np.uint8), "y_train": np.arange(3000) % 3})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("x_train.npy").header_offset
    content[start + 150_000] = 1  # ruins a late pixel: the checksum is wrong for whoever reads that far
    path.write_bytes(content)
    assert facts(path).image_shape == (4, 5, 3)
    assert facts(path).classes == 3
    with pytest.raises(DataError, match=r"that can be read, found Bad CRC-32 for file 'x_train\.npy'"):
        read(path)


def test_a_missing_file_says_where_it_looked_and_how_to_make_it(tmp_path):
    for reader in (read, facts, facts):
        with pytest.raises(DataError) as caught:
            reader(tmp_path / "gone.npz")
        text = str(caught.value)
        assert text.startswith(str(tmp_path / "gone.npz"))
        assert "expected a NumPy archive (.npz), found no such file" in text
        assert "numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)" in text


def test_a_missing_array_is_named(refusal):
    assert "expected an array y_train, found x_test, x_train, y_test" in refusal(y_train=None)
    assert "expected an array x_train" in refusal(facts, x_train=None)
    assert "expected an array y_test" in refusal(y_test=None)
    assert "expected an array x_test" in refusal(x_test=None)


def test_objects_are_never_loaded(tmp_path, refusal):
    marker = tmp_path / "marker"

    class Evil:
        def __reduce__(self):
            return open, (str(marker), "w")

    images = np.empty((30, 4, 5), object)
    images[0, 0, 0] = Evil()
    text = refusal(x_train=images)
    assert "x_train\n  expected an array of numbers, found Python objects" in text
    assert "Objects are never loaded" in text
    labels = np.empty(30, object)
    labels[0] = Evil()
    assert "y_train\n  expected an array of numbers, found Python objects" in refusal(y_train=labels)
    assert "Python objects" in refusal(facts, y_train=labels)
    assert "Python objects" in refusal(facts, x_train=images)
    hidden = np.zeros(30, [("label", "i4"), ("object", "O")])
    assert "Python objects" in refusal(y_train=hidden)
    assert not marker.exists()


def test_a_pickle_that_calls_itself_an_archive_is_not_loaded(tmp_path):
    marker = tmp_path / "marker"
    path = tmp_path / "images.npz"
    path.write_bytes(pickle.dumps({"x_train": 1}) + f"cposix\nsystem\n(Vtouch {marker}\ntR.".encode())
    with pytest.raises(DataError, match="that can be read, found File is not a zip file"):
        read(path)
    assert not marker.exists()


@pytest.mark.parametrize("dtype", ["i8", "u2", "?", "c8", "S3", "M8[s]"])
def test_images_of_other_types_are_refused(refusal, dtype):
    text = refusal(x_train=np.zeros((30, 4, 5, 3), dtype))
    assert f"x_train\n  expected dtype uint8 or float, found {np.dtype(dtype)}" in text
    assert "Save pixels from 0 to 255 with .astype('uint8'), others with .astype('float32')." in text


@pytest.mark.parametrize("shape", [(30,), (30, 4), (30, 4, 5, 3, 1)])
def test_images_of_other_dimensions_are_refused(refusal, shape):
    text = refusal(x_train=np.zeros(shape, np.uint8))
    assert f"(n, height, width) or (n, height, width, channels), found {shape}" in text


def test_no_images_are_refused(refusal):
    assert "found 0 images of 4x5x3" in refusal(x_train=np.zeros((0, 4, 5, 3), np.uint8))
    assert "found 30 images of 4x5x65" in refusal(x_train=np.zeros((30, 4, 5, 65), np.uint8))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_numbers_that_are_not_finite_are_refused(refusal, value):
    images = np.zeros((30, 4, 5, 3))
    images[7, 0, 0, 0] = value
    assert "x_train\n  expected finite numbers, found NaN or infinity" in refusal(x_train=images)


def test_test_images_must_be_like_the_training_images(refusal):
    text = refusal(x_test=np.zeros((9, 5, 4, 3), np.uint8))
    assert (
        "x_test\n  expected images like the training images, [4, 5, 3] uint8, found [5, 4, 3] uint8" in text
    )
    assert "found [4, 5, 3] float32" in refusal(x_test=np.zeros((9, 4, 5, 3), np.float32))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(29) % 3, "expected one label for each of 30 images, found labels of shape (29,)"),
        (np.zeros((30, 3)), "found labels of shape (30, 3)"),
        (np.array(3), "found labels of shape ()"),
        (np.array(["a"] * 30), "expected labels that are numbers, found dtype <U1"),
        (np.where(np.arange(30) == 4, -1, 0), "found -1 for image 4"),
        (np.where(np.arange(30) == 4, 0.5, 0), "found 0.5 for image 4"),
        (np.where(np.arange(30) == 4, np.nan, 0), "found nan for image 4"),
        (np.where(np.arange(30) == 4, np.inf, 0), "found inf for image 4"),
        (
            np.where(np.arange(30) == 4, 10**9, 0),
            "whole labels from 0 to 99999, found 1000000000 for image 4",
        ),
        (np.zeros(30, int), "expected at least 2 classes, found label 0 alone"),
    ],
)
def test_wrong_labels_are_refused(refusal, labels, message):
    text = refusal(y_train=labels)
    assert "y_train\n" in text
    assert message in text


def test_a_test_label_beyond_the_classes_is_refused(refusal):
    labels = np.where(np.arange(9) == 2, 3, 0)
    assert "y_test\n  expected labels from 0 to 2, found 3 for image 2" in refusal(y_test=labels)


def test_labels_of_no_dimension_are_refused_by_facts_too(refusal):
    assert "found labels of shape ()" in refusal(facts, y_train=np.array(3))


def archive_with(path, header, body=b""):
    text = header.encode().ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body)
    return path


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (30, 4, 5)}", "x_train\n  expected 728 bytes"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999, 4096, 4096)}", "as its header says"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (30, -4, 5)}", "as its header says"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (30, 4", "a damaged header"),
        ("{'descr': print, 'fortran_order': False, 'shape': (30, 4, 5)}", "a damaged header"),
        ("__import__('os').system('true')", "a damaged header"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path, header, message):
    path = archive_with(tmp_path / "images.npz", header)
    for reader in (read, facts):
        with pytest.raises(DataError) as caught:
            reader(path)
        assert message in str(caught.value)


def test_more_pixels_than_memory_should_hold_are_refused(tmp_path, monkeypatch, arrays, save_npz):
    from dnsearch import environment

    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 1927)
    with pytest.raises(DataError, match="GiB of pixels, the memory that is free"):
        read(save_npz(arrays))
    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 1928)
    assert len(read(save_npz(arrays)).training) == 30


def test_an_entry_larger_than_the_memory_is_left_packed(tmp_path, monkeypatch, arrays):
    """Not even its header is unpacked: the entry's first bytes are damaged, and nobody notices."""
    from dnsearch import environment

    path = tmp_path / "images.npz"
    np.savez_compressed(path, **arrays | {"x_train": np.zeros((3000, 40, 50, 3), np.uint8)})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("x_train.npy").header_offset + 30 + len("x_train.npy")
    content[start + 20 : start + 30] = b"\xff" * 10
    path.write_bytes(content)
    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 2**20)
    with pytest.raises(DataError, match="GiB of pixels, the memory that is free"):
        read(path)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_numpy_does_not_write_are_refused(arrays, save_npz, tmp_path, kind):
    path = save_npz(arrays)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "other.npz", "w", kind) as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    with pytest.raises(DataError, match=f"stored or deflated, found compression of kind {kind}"):
        read(tmp_path / "other.npz")


def test_an_unknown_version_of_the_format_is_refused(arrays, tmp_path):
    path = tmp_path / "images.npz"
    stream = io.BytesIO()
    np.lib.format.write_array(stream, arrays["x_train"], version=(3, 0))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", stream.getvalue())
    with pytest.raises(DataError, match=r"version \(3, 0\) of the NPY format"):
        read(path)


def test_version_2_of_the_format_is_read(arrays, tmp_path):
    path = tmp_path / "images.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array, version=(2, 0))
            archive.writestr(f"{name}.npy", stream.getvalue())
    assert np.array_equal(read(path).training.images, arrays["x_train"])


def test_truncated_archives_are_refused(arrays, save_npz):
    path = save_npz(arrays)
    content = path.read_bytes()
    for end in (0, 10, 1000, len(content) - 5):
        path.write_bytes(content[:end])
        with pytest.raises(DataError, match="expected a NumPy archive"):
            read(path)


def test_saved_arrays_are_read(arrays, tmp_path):
    x, y, validation = arrays["x_train"], arrays["y_train"], (arrays["x_test"], arrays["y_test"])
    for expected in (x, x[..., 0], (x / 255).astype(np.float32)):
        original = read(npz.save_arrays(tmp_path, expected, y))
        assert np.array_equal(original.training.images.squeeze(), expected)
        assert original.training.labels.tolist() == y.tolist()
        assert original.validation is None and original.test is None
    original = read(npz.save_arrays(tmp_path, x, y, validation))
    assert np.array_equal(original.validation.images, validation[0])
    assert original.validation.labels.tolist() == validation[1].tolist()


def test_given_validation_images_are_not_taken_from_the_training_images(arrays, tmp_path):
    path = npz.save_arrays(
        tmp_path, arrays["x_train"], arrays["y_train"], (arrays["x_test"], arrays["y_test"])
    )
    dataset = load(section(path, training_examples=20))
    assert len(dataset.training) == 20
    assert np.array_equal(dataset.validation.images, arrays["x_test"])
    assert dataset.scaling.offset == pytest.approx(dataset.training.images.mean(axis=(0, 1, 2)))


def test_objects_are_not_saved(arrays, tmp_path):
    with pytest.raises(DataError, match="y_train\n  expected an array of numbers, found Python objects"):
        npz.save_arrays(tmp_path, arrays["x_train"], np.array([None] * 30))
    assert [*tmp_path.iterdir()] == []


def test_equal_arrays_are_saved_once_and_others_under_another_name(arrays, tmp_path):
    x, y = arrays["x_train"], arrays["y_train"]
    first = npz.save_arrays(tmp_path, x, y)
    written = first.stat().st_mtime_ns
    assert npz.save_arrays(tmp_path, x.copy(), y) == first and first.stat().st_mtime_ns == written
    others = {npz.save_arrays(tmp_path, *pair) for pair in ((x, y[::-1]), (x + 1, y), (x, y.astype(float)))}
    assert len(others) == 3 and first not in others
