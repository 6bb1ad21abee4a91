"""Small files in the sources' real formats, made where a test wants them."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat


def _whole(number):
    return b"K" + bytes([number]) if number < 256 else b"M" + struct.pack("<H", number)


def _python2(value):
    """What Python 2.7 writes for a value in protocol 2, operation by operation."""
    match value:
        case str():
            return b"U" + bytes([len(value)]) + value.encode("latin1")
        case int():
            return _whole(value)
        case list():
            return b"](" + b"".join(map(_python2, value)) + b"e"
        case np.ndarray():
            sizes = b"J\xff\xff\xff\xffJ\xff\xff\xff\xff"
            kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + sizes + b"K\x00tb"
            shape = b"".join(map(_whole, value.shape)) + {1: b"\x85", 2: b"\x86"}[value.ndim]
            content = b"T" + struct.pack("<i", value.nbytes) + value.tobytes()
            empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
            return empty + b"(K\x01" + shape + kind + b"\x89" + content + b"tb"


@pytest.fixture
def python2_pickle():
    """A function: dict → the pickle that Python 2.7 would have written."""

    def pickled(entries):
        pairs = b"".join(_python2(key) + _python2(value) for key, value in entries.items())
        return b"\x80\x02}(" + pairs + b"u."

    return pickled


@pytest.fixture
def planes():
    """A function: n → CIFAR's data of n images, uint8 (n, 3072), different for each seed."""

    def made(images, seed=0):
        return np.random.default_rng(seed).integers(0, 256, (images, 3072), dtype=np.uint8)

    return made


@pytest.fixture
def cifar10(tmp_path, python2_pickle, planes):
    """A folder like cifar-10-batches-py, with 20 images in each file."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for seed, name in enumerate(names):
        batch = {
            "batch_label": f"batch {seed}",
            "labels": [(seed + image) % 10 for image in range(20)],
            "data": planes(20, seed),
            "filenames": [f"{seed}_{image}.png" for image in range(20)],
        }
        (folder / name).write_bytes(python2_pickle(batch))
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    meta = {"num_cases_per_batch": 20, "label_names": classes, "num_vis": 3072}
    (folder / "batches.meta").write_bytes(python2_pickle(meta))
    return folder


@pytest.fixture
def cifar100(tmp_path, python2_pickle, planes):
    """A folder like cifar-100-python, with 200 training and 100 test images."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, images in (("train", 200), ("test", 100)):
        batch = {
            "fine_labels": [image % 100 for image in range(images)],
            "coarse_labels": [image % 20 for image in range(images)],
            "data": planes(images, images),
        }
        (folder / name).write_bytes(python2_pickle(batch))
    meta = {"fine_label_names": [f"fine {number}" for number in range(100)], "coarse_label_names": ["a"] * 20}
    (folder / "meta").write_bytes(python2_pickle(meta))
    return folder


@pytest.fixture
def idx_bytes():
    """A function: uint8 array → the bytes of an IDX file."""

    def encoded(array):
        return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()

    return encoded


@pytest.fixture
def mnist(tmp_path, idx_bytes):
    """A folder like MNIST's, gzipped: 40 training and 12 test images of 6x5, 4 classes."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, images in (("train", 40), ("t10k", 12)):
        pixels = np.random.default_rng(images).integers(0, 256, (images, 6, 5), dtype=np.uint8)
        labels = (np.arange(images) % 4).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(pixels)))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    return folder


@pytest.fixture
def svhn_arrays():
    """A function: n → the arrays X and y of n images, different for each seed."""

    def made(images, seed=0):
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3, images), dtype=np.uint8)
        return {"X": pixels, "y": (np.arange(images, dtype=np.uint8) % 10 + 1)[:, np.newaxis]}

    return made


@pytest.fixture
def house_numbers(tmp_path, svhn_arrays):
    """A folder like SVHN's, with 50 training and 20 test images."""
    folder = tmp_path / "svhn"
    folder.mkdir()
    savemat(folder / "train_32x32.mat", svhn_arrays(50), do_compression=True)
    savemat(folder / "test_32x32.mat", svhn_arrays(20, 1), do_compression=False)
    return folder


@pytest.fixture
def arrays():
    """Arrays for an archive: 30 training and 9 test images of 4x5x3, 3 classes."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (30, 4, 5, 3), dtype=np.uint8),
        "y_train": np.arange(30) % 3,
        "x_test": rng.integers(0, 256, (9, 4, 5, 3), dtype=np.uint8),
        "y_test": np.arange(9) % 3,
    }


@pytest.fixture
def save_npz(tmp_path):
    """A function: arrays → the path of an archive that holds them."""

    def saved(arrays) -> Path:
        path = tmp_path / "images.npz"
        np.savez(path, **arrays)
        return path

    return saved


@pytest.fixture
def flowers(tmp_path):
    """A folder of two classes: 4 daisies, PNGs in RGB, and 3 roses, JPEGs in grey; all 10x12."""
    folder = tmp_path / "flowers"
    rng = np.random.default_rng(0)
    for name, images, shape, ending in (("daisy", 4, (10, 12, 3), "png"), ("rose", 3, (10, 12), "jpg")):
        (folder / name).mkdir(parents=True)
        for number in range(images):
            pixels = rng.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.{ending}")
    return folder
