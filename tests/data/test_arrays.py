"""Arrays in memory: as good as the same arrays in an .npz file."""

import numpy as np
import pytest

from dnsearch.data.npz import facts_of_arrays, from_arrays, of_arrays, save_arrays
from dnsearch.data.sources import facts, load
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data, Facts

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (40, 6, 5), dtype=np.uint8), np.arange(40) % 4
VALIDATION = X[:8] // 2, Y[:8]
TEST = X[8:13] // 3, Y[8:13]
SECTION = of_arrays(Data(source="cifar10", verify=False, validation_fraction=0.2, split_seed=3), "a.npz")


def same(one, other):
    return np.array_equal(one.images, other.images) and np.array_equal(one.labels, other.labels)


def test_the_section_of_arrays_keeps_split_and_scaling():
    assert (SECTION.source, SECTION.path, SECTION.verify) == ("npz", "a.npz", True)
    assert (SECTION.validation_fraction, SECTION.split_seed) == (0.2, 3)


@pytest.mark.parametrize("pixels", [X, X[..., np.newaxis].repeat(3, -1), (X / 255).astype(np.float64)])
def test_arrays_and_their_file_give_the_same(tmp_path, pixels):
    path = save_arrays(tmp_path, pixels, Y, test=TEST if pixels is X else None)
    section = of_arrays(SECTION, path)
    saved = load(section)
    dataset = from_arrays(pixels, Y, test=TEST if pixels is X else None, data=section)
    assert [*tmp_path.iterdir()] == [path]
    assert same(dataset.training, saved.training) and same(dataset.validation, saved.validation)
    assert dataset.scaling == saved.scaling and len(dataset.validation) == 8
    assert (dataset.test is None) == (pixels is not X)
    assert facts_of_arrays(pixels, Y, data=section) == facts(section) == Facts(dataset.image_shape, 4)


def test_given_validation_images_are_not_taken_from_the_training_images(tmp_path):
    section = of_arrays(
        Data(source="digits", training_examples=20), save_arrays(tmp_path, X, Y, VALIDATION, TEST)
    )
    for dataset in (from_arrays(X, Y, VALIDATION, TEST, data=section), load(section)):
        assert len(dataset.training) == 20
        assert np.array_equal(dataset.validation.images[..., 0], VALIDATION[0])
        assert np.array_equal(dataset.test.labels, TEST[1])
        assert dataset.scaling.offset == (pytest.approx(dataset.training.images.mean()),)


def test_masks(tmp_path):
    masks = RNG.integers(0, 3, X.shape)
    masks[0, 0, 0] = 255
    section = of_arrays(Data(source="npz", path="b.npz", ignore_label=255), "a.npz")
    assert facts_of_arrays(X, masks, data=section) == Facts((6, 5, 1), 3, masks=True)
    assert from_arrays(X, masks, data=section).has_masks


@pytest.mark.parametrize(
    ("x", "y", "validation", "message"),
    [
        (X.astype(np.int64), Y, None, "x_train\n  expected dtype uint8 or float, found int64"),
        (X[0], Y, None, r"x_train\n  expected shape \(n, height, width\) or .*, found \(6, 5\)"),
        (X, Y[:-1], None, "y_train\n  expected one label for each of 40 images"),
        (
            X,
            np.array(["a"] * 40, object),
            None,
            "y_train\n  expected an array of numbers, found Python objects",
        ),
        (
            X,
            Y,
            (X[:4, :5], Y[:4]),
            r"x_validation\n  expected images like those of x_train, \[6, 5, 1\] uint8",
        ),
        (X, Y, (X[:4], Y[:4] + 9), "y_validation\n  expected labels from 0 to 3, found 12 for image 3"),
        (np.full(X.shape, np.nan), Y, None, "x_train\n  expected finite numbers"),
    ],
)
def test_arrays_that_are_no_images_and_labels_are_refused(x, y, validation, message):
    with pytest.raises(DataError, match=message):
        from_arrays(x, y, validation, data=SECTION)


def test_objects_are_not_saved(tmp_path):
    with pytest.raises(DataError, match="y_train\n  expected an array of numbers, found Python objects"):
        save_arrays(tmp_path, X, np.array([None] * 40))


def test_equal_arrays_are_saved_once_and_others_under_another_name(tmp_path):
    first = save_arrays(tmp_path, X, Y)
    written = first.stat().st_mtime_ns
    assert save_arrays(tmp_path, X.copy(), Y) == first and first.stat().st_mtime_ns == written
    others = {save_arrays(tmp_path, *pair) for pair in ((X, Y[::-1]), (X + 1, Y), (X, Y.astype(float)))}
    assert len(others) == 3 and first not in others
