import pickle
from pathlib import Path

import numpy as np
import pytest

from dnsearch.data import cifar
from dnsearch.errors import DataError


def test_cifar10_is_read(cifar10, planes):
    original = cifar.read("cifar10", cifar10)
    assert original.training.images.shape == (100, 32, 32, 3)
    assert original.training.images.dtype == np.uint8
    assert original.training.images.flags.c_contiguous
    assert original.training.labels.dtype == np.int32
    assert original.test.images.shape == (20, 32, 32, 3)
    assert original.class_names[0] == "airplane"
    assert len(original.class_names) == 10
    assert original.largest_pixel == 255


def test_the_batches_keep_their_order(cifar10):
    labels = cifar.read("cifar10", cifar10).training.labels
    assert labels.tolist() == [(batch + image) % 10 for batch in range(5) for image in range(20)]


def test_planes_become_pixels(cifar10, planes):
    images = cifar.read("cifar10", cifar10).training.images
    for image, row, column, channel in [(0, 0, 0, 0), (3, 31, 2, 1), (19, 7, 31, 2)]:
        assert images[image, row, column, channel] == planes(20, 0)[image, channel * 1024 + row * 32 + column]


def test_cifar100_is_read_with_its_fine_labels(cifar100):
    original = cifar.read("cifar100", cifar100)
    assert original.training.images.shape == (200, 32, 32, 3)
    assert original.training.labels.tolist() == [image % 100 for image in range(200)]
    assert len(original.test) == 100
    assert original.class_names[99] == "fine 99"


def test_a_missing_folder_says_where_it_looked_and_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        cifar.read("cifar10", Path("data/cifar-10-batches-py"))
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "data" / "cifar-10-batches-py"))
    assert (
        "data_batch_1, data_batch_2, data_batch_3, data_batch_4, data_batch_5, test_batch, batches.meta"
        in text
    )
    assert "Unpack cifar-10-python.tar.gz from www.cs.toronto.edu/~kriz/cifar.html" in text
    assert "set data.path" in text


def test_missing_files_are_named(cifar10, cifar100):
    (cifar10 / "data_batch_3").unlink()
    (cifar10 / "batches.meta").unlink()
    with pytest.raises(DataError, match=r"found no data_batch_3, no batches\.meta"):
        cifar.read("cifar10", cifar10)
    (cifar100 / "test").unlink()
    with pytest.raises(DataError, match=r"found no test\n.*cifar-100-python\.tar\.gz"):
        cifar.read("cifar100", cifar100)


def refused(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        cifar.read("cifar10", folder)
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
    assert "Unpack cifar-10-python.tar.gz" in text


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
