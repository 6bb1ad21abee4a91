import hashlib
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnsearch.data import cifar
from dnsearch.data.cifar_archive import unpickle
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data


def read(source, path, *, verify=True):
    return cifar.read(Data(source=source, path=str(path), verify=verify))


def test_cifar10_is_read(cifar10, planes):
    original = read("cifar10", cifar10)
    assert original.training.images.shape == (100, 32, 32, 3)
    assert original.training.images.dtype == np.uint8
    assert original.training.images.flags.c_contiguous
    assert original.training.labels.dtype == np.int32
    assert original.test.images.shape == (20, 32, 32, 3)
    assert original.class_names[0] == "airplane"
    assert len(original.class_names) == 10
    assert original.largest_pixel == 255


def test_the_batches_keep_their_order(cifar10):
    labels = read("cifar10", cifar10).training.labels
    assert labels.tolist() == [(batch + image) % 10 for batch in range(5) for image in range(20)]


def test_planes_become_pixels(cifar10, planes):
    images = read("cifar10", cifar10).training.images
    for image, row, column, channel in [(0, 0, 0, 0), (3, 31, 2, 1), (19, 7, 31, 2)]:
        assert images[image, row, column, channel] == planes(20, 0)[image, channel * 1024 + row * 32 + column]


def test_cifar100_is_read_with_its_fine_labels(cifar100):
    original = read("cifar100", cifar100)
    assert original.training.images.shape == (200, 32, 32, 3)
    assert original.training.labels.tolist() == [image % 100 for image in range(200)]
    assert len(original.test) == 100
    assert original.class_names[99] == "fine 99"


def test_a_missing_folder_says_where_it_looked_and_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        read("cifar10", Path("data"))
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "data"))
    assert "expected cifar-10-binary.tar.gz, cifar-10-batches-bin or cifar-10-python.tar.gz, " in text
    assert "Put an archive from www.cs.toronto.edu/~kriz/cifar.html there, unpacked or not" in text
    assert "set data.path" in text


def test_missing_files_are_named(cifar10, cifar100):
    (cifar10 / "data_batch_3").unlink()
    (cifar10 / "batches.meta").unlink()
    with pytest.raises(DataError, match=r"found no data_batch_3, no batches\.meta"):
        read("cifar10", cifar10)
    (cifar100 / "test").unlink()
    with pytest.raises(DataError, match=r"found no test\n.*cifar-100-python\.tar\.gz"):
        read("cifar100", cifar100)


def refused(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read("cifar10", folder)
    text = str(caught.value)
    assert text.startswith(str(folder / name))
    return text


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (np.zeros((20, 3071), np.uint8), "(20, 3071)"),
        (np.zeros((0, 3072), np.uint8), "(0, 3072)"),
        (np.zeros(3072, np.uint8), "(3072,)"),
        ([1, 2], "list"),
        (None, "NoneType"),
    ],
)
def test_wrong_pixels_are_refused(cifar10, data, found):
    content = pickle.dumps({"data": data, "labels": [0] * 20}, protocol=4)
    text = refused(cifar10, "data_batch_2", content)
    assert f"expected data: bytes of shape (n, 3072), found {found}" in text
    assert "Get it from www.cs.toronto.edu/~kriz/cifar.html again." in text


def test_a_batch_without_pixels_is_refused(cifar10):
    assert "data: bytes of shape (n, 3072)" in refused(cifar10, "test_batch", pickle.dumps({}, protocol=2))


@pytest.mark.parametrize("labels", [None, "0" * 20, [0.5] * 20, [True] * 20, [None] * 20, list("ab")])
def test_labels_that_are_no_numbers_are_refused(cifar10, planes, labels):
    content = pickle.dumps({"data": planes(20), "labels": labels}, protocol=2)
    assert "labels: a list of whole numbers" in refused(cifar10, "data_batch_2", content)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0] * 19, "expected one label for each of 20 images, found labels of shape (19,)"),
        ([0] * 19 + [-1], "found -1.0 for image 19"),
        ([0] * 7 + [10] + [0] * 12, "expected labels from 0 to 9, found 10 for image 7"),
        ([10**400] + [0] * 19, "found inf for image 0"),
    ],
)
def test_labels_out_of_range_are_refused(cifar10, planes, labels, message):
    content = pickle.dumps({"data": planes(20), "labels": labels}, protocol=2)
    text = refused(cifar10, "data_batch_4", content)
    assert message in text
    assert "data_batch_4, labels" in text


@pytest.mark.parametrize("names", [None, ["a"] * 9, [1] * 10, "abcdefghij"])
def test_wrong_class_names_are_refused(cifar10, names):
    content = pickle.dumps({"label_names": names}, protocol=2)
    assert "label_names: a list of 10 names" in refused(cifar10, "batches.meta", content)


def test_a_truncated_batch_is_refused_by_name(cifar10):
    content = (cifar10 / "data_batch_5").read_bytes()
    assert "truncated or damaged" in refused(cifar10, "data_batch_5", content[: len(content) // 2])


@pytest.fixture
def binary10(tmp_path, cifar10):
    """The same images as those of the fixture cifar10, as the binary archive has them."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for path in cifar10.glob("*_batch*"):
        batch = unpickle(path.read_bytes(), str(path))
        labels = np.array(batch["labels"], np.uint8)[:, np.newaxis]
        (folder / f"{path.name}.bin").write_bytes(np.hstack([labels, batch["data"]]).tobytes())
    names = "\n".join(read("cifar10", cifar10).class_names)
    (folder / "batches.meta.txt").write_text(f"{names}\n\n")
    return folder


@pytest.fixture
def binary100(tmp_path, cifar100):
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    for name in ("train", "test"):
        batch = unpickle((cifar100 / name).read_bytes(), name)
        labels = np.array([batch["coarse_labels"], batch["fine_labels"]], np.uint8).T
        (folder / f"{name}.bin").write_bytes(np.hstack([labels, batch["data"]]).tobytes())
    (folder / "fine_label_names.txt").write_text("".join(f"fine_{number}\n" for number in range(100)))
    return folder


def packed(folder, path):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)
    return path


def same(one, other):
    return all(
        np.array_equal(ours.images, theirs.images) and np.array_equal(ours.labels, theirs.labels)
        for ours, theirs in ((one.training, other.training), (one.test, other.test))
    )


def test_the_binary_archive_holds_the_same(cifar10, binary10):
    binary, python = read("cifar10", binary10), read("cifar10", cifar10)
    assert same(binary, python)
    assert binary.class_names == python.class_names
    assert binary.training.images.flags.c_contiguous
    assert binary.largest_pixel == 255


def test_the_binary_archive_of_100_classes_is_read_with_its_fine_labels(cifar100, binary100):
    binary = read("cifar100", binary100)
    assert same(binary, read("cifar100", cifar100))
    assert binary.class_names[99] == "fine_99"


@pytest.mark.parametrize("kind", ["cifar10", "binary10"])
def test_an_archive_is_read_as_it_is(kind, request, tmp_path, cifar10):
    archive = packed(request.getfixturevalue(kind), tmp_path / "any.tar.gz")
    before = sorted(tmp_path.rglob("*"))
    assert same(read("cifar10", archive, verify=False), read("cifar10", cifar10))
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_in_a_folder_is_found_the_binary_archive_first(tmp_path, cifar10, binary10):
    marked = bytearray((binary10 / "test_batch.bin").read_bytes())
    marked[1] ^= 1
    (binary10 / "test_batch.bin").write_bytes(marked)
    assert not same(read("cifar10", tmp_path), read("cifar10", cifar10))
    packed(binary10, tmp_path / "cifar-10-binary.tar.gz")
    (tmp_path / "cifar-10-batches-bin").rename(tmp_path / "elsewhere")
    found = read("cifar10", tmp_path, verify=False)
    assert not same(found, read("cifar10", cifar10))
    (tmp_path / "cifar-10-binary.tar.gz").unlink()
    assert same(read("cifar10", tmp_path), read("cifar10", cifar10))


def test_another_hash_is_refused_before_anything_is_read(tmp_path, cifar10):
    archive = packed(cifar10, tmp_path / "cifar-10-python.tar.gz")
    with pytest.raises(DataError) as caught:
        read("cifar10", archive)
    text = str(caught.value)
    assert text.startswith(
        f"{archive}\n  expected the MD5 c32a1d4ab5d03f1284b67883e8d87530 of cifar-10-binary"
    )
    assert "c58f30108f718f92721af3b95e74349a of cifar-10-python.tar.gz, found " in text
    assert hashlib.md5(archive.read_bytes()).hexdigest() in text
    assert "set data.verify: false" in text
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match="the MD5"):
        read("cifar10", archive)


def test_an_archive_with_the_right_hash_is_read(tmp_path, cifar10, monkeypatch):
    archive = packed(cifar10, tmp_path / "cifar-10-python.tar.gz")
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    layouts = tuple(replace(layout, md5=digest) for layout in cifar.LAYOUTS["cifar10"][1:])
    monkeypatch.setitem(cifar.LAYOUTS, "cifar10", layouts)
    assert len(read("cifar10", archive).training) == 100


def test_the_archive_of_the_other_set_is_refused(tmp_path, cifar100):
    archive = packed(cifar100, tmp_path / "any.tar.gz")
    with pytest.raises(DataError, match="found neither"):
        read("cifar10", archive, verify=False)


def test_an_archive_without_a_batch_is_refused(tmp_path, cifar10):
    (cifar10 / "data_batch_2").unlink()
    with pytest.raises(DataError, match="found no data_batch_2"):
        read("cifar10", packed(cifar10, tmp_path / "any.tar.gz"), verify=False)


def test_a_pickle_in_an_archive_that_calls_something_is_refused_uncalled(tmp_path, cifar10):
    class Touch:
        def __reduce__(self):
            return Path.touch, (tmp_path / "called",)

    (cifar10 / "data_batch_1").write_bytes(pickle.dumps({"data": Touch()}))
    archive = packed(cifar10, tmp_path / "any.tar.gz")
    with pytest.raises(DataError) as caught:
        read("cifar10", archive, verify=False)
    assert str(caught.value).startswith(f"{archive}, data_batch_1\n")
    assert "a call of pathlib" in str(caught.value)
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("content", [b"", bytes(3073 * 2 - 1), bytes(3074)])
def test_binary_files_of_another_length_are_refused(binary10, content):
    (binary10 / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read("cifar10", binary10)
    assert str(caught.value).startswith(str(binary10 / "data_batch_3.bin"))
    assert f"expected whole records of 3,073 bytes, found {len(content):,} bytes" in str(caught.value)


def test_binary_labels_out_of_range_are_refused(binary10):
    (binary10 / "data_batch_3.bin").write_bytes(bytes(3073) + b"\x0a" + bytes(3072))
    with pytest.raises(DataError, match="expected labels from 0 to 9, found 10 for image 1"):
        read("cifar10", binary10)


def test_binary_class_names_are_counted(binary10):
    (binary10 / "batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match="expected 10 names, one a line"):
        read("cifar10", binary10)
