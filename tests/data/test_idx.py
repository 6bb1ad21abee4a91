import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from dnsearch import environment
from dnsearch.data import idx
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data


def section(path, **fields):
    return Data(source="idx", path=str(path), **fields)


def read(path, **fields):
    return idx.read(section(path, **fields))


def facts(path):
    return idx.facts(section(path))


IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


@pytest.fixture
def plain(mnist):
    """The folder with its files unpacked."""
    for path in list(mnist.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    return mnist


def refused(folder, name, content, read=read):
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(folder)
    text = str(caught.value)
    assert text.startswith(str(folder / name))
    return text


def test_gzipped_files_are_read(mnist):
    original = read(mnist)
    assert original.training.images.shape == (40, 6, 5, 1)
    assert original.training.images.dtype == np.uint8
    assert original.training.labels.tolist() == [image % 4 for image in range(40)]
    assert original.test.images.shape == (12, 6, 5, 1)
    assert original.class_names == ("0", "1", "2", "3")
    assert original.largest_pixel == 255
    expected = np.random.default_rng(40).integers(0, 256, (40, 6, 5), dtype=np.uint8)
    assert np.array_equal(original.training.images[..., 0], expected)


def test_unpacked_files_are_read_alike(mnist, tmp_path):
    before = read(mnist)
    for path in list(mnist.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert np.array_equal(read(mnist).training.images, before.training.images)


def test_the_spelling_with_dots_is_read(plain):
    for path in list(plain.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert len(read(plain).training) == 40


def test_without_test_files_there_is_no_test_part(mnist):
    for path in mnist.glob("t10k*"):
        path.unlink()
    assert read(mnist).test is None


def test_test_images_without_labels_are_refused(mnist):
    (mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="a folder with t10k-labels-idx1-ubyte or"):
        read(mnist)


def test_missing_files_are_named_with_place_and_remedy(tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path / "nowhere")
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "nowhere"))
    assert f"{IMAGES} or {IMAGES}.gz or train-images.idx3-ubyte or train-images.idx3-ubyte.gz" in text
    assert "Put the four files of MNIST (yann.lecun.com/exdb/mnist) or Fashion-MNIST" in text
    assert "set data.path" in text


def test_headers_tell_the_shape_even_where_the_images_are_truncated(plain):
    path = plain / IMAGES
    path.write_bytes(path.read_bytes()[:16])
    assert facts(plain).image_shape == (6, 5, 1)
    assert facts(plain).classes == 4


def test_a_wrong_magic_number_is_refused(plain):
    content = (plain / LABELS).read_bytes()
    for reader in (read, facts):
        text = refused(plain, IMAGES, content, reader)
        assert "expected the magic number 00 00 08 03, found 00 00 08 01" in text
        assert "perhaps the two files have changed places" in text
    assert "found an empty file" in refused(plain, IMAGES, b"")


def test_a_truncated_header_is_refused(plain):
    content = (plain / IMAGES).read_bytes()
    text = refused(plain, IMAGES, content[:15])
    assert "expected a header of 16 bytes, found 15" in text
    assert "The file is truncated." in text


def test_truncated_images_are_refused(plain):
    content = (plain / IMAGES).read_bytes()
    text = refused(plain, IMAGES, content[:-1])
    assert "expected 1200 bytes after the header, found 1199; the file is truncated" in text
    assert "Get the file again." in text


def test_bytes_after_the_images_are_refused(plain):
    content = (plain / IMAGES).read_bytes()
    assert "expected 1200 bytes after the header, found more" in refused(plain, IMAGES, content + b"\0")


def test_a_gzip_bomb_is_left_packed(mnist):
    """What follows the promised bytes is not even looked at: it is broken, and nobody notices."""
    header = struct.pack(">4B3I", 0, 0, 8, 3, 40, 6, 5)
    zeros = gzip.compress(bytes(20_000_000), 1)
    text = refused(mnist, f"{IMAGES}.gz", gzip.compress(header) + zeros + b"broken")
    assert "expected 1200 bytes after the header, found more" in text


def test_no_memory_is_taken_for_what_a_header_promises_alone(plain, monkeypatch):
    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 2**50)
    tracemalloc.start()
    text = refused(plain, IMAGES, struct.pack(">4B3I", 0, 0, 8, 3, 10**6, 4096, 4096) + bytes(100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "found 100; the file is truncated" in text
    assert peak < 2**25


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((2**32 - 1, 28, 28), "found 3,136.0 GiB"),
        ((10**6, 4096, 4096), "GiB of pixels, the memory that is free, found 15,625.0 GiB"),
        ((0, 28, 28), "found 0 images of 28x28x1"),
        ((40, 0, 28), "found 40 images of 0x28x1"),
        ((40, 4097, 28), "expected at least one image, of at most 4096x4096x64"),
    ],
)
def test_absurd_sizes_are_refused_before_memory_is_asked_for(plain, shape, found):
    content = struct.pack(">4B3I", 0, 0, 8, 3, *shape) + bytes(100)
    assert found in refused(plain, IMAGES, content)
    assert found in refused(plain, IMAGES, content, facts)


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-12],
        lambda packed: packed[:40] + bytes(20) + packed[60:],
        lambda packed: packed[:-8] + bytes(8),
        lambda packed: b"not gzip at all",
    ],
    ids=["truncated", "damaged", "wrong checksum", "no gzip"],
)
def test_broken_gzip_is_refused(mnist, damage):
    name = f"{IMAGES}.gz"
    text = refused(mnist, name, damage((mnist / name).read_bytes()))
    assert "expected an IDX file that can be read" in text or "bytes after the header" in text


def test_labels_must_be_as_many_as_images(plain, idx_bytes):
    text = refused(plain, LABELS, idx_bytes(np.zeros(39, np.uint8)))
    assert "expected one label for each of 40 images, found labels of shape (39,)" in text


def test_a_single_class_is_refused(plain, idx_bytes):
    for reader in (read, facts):
        text = refused(plain, LABELS, idx_bytes(np.zeros(40, np.uint8)), reader)
        assert "expected at least 2 classes, found label 0 alone" in text


def test_a_test_label_beyond_the_classes_is_refused(plain, idx_bytes):
    labels = np.zeros(12, np.uint8)
    labels[5] = 4
    text = refused(plain, "t10k-labels-idx1-ubyte", idx_bytes(labels))
    assert "expected labels from 0 to 3, found 4 for image 5" in text


def test_test_images_of_another_size_are_refused(plain, idx_bytes):
    text = refused(plain, "t10k-images-idx3-ubyte", idx_bytes(np.zeros((12, 5, 6), np.uint8)))
    assert "expected images like the training images, [6, 5, 1] uint8, found [5, 6, 1] uint8" in text
