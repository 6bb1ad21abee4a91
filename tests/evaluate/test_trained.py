"""A run's network, opened from its folder: what is missing, damaged or changed is said."""

import json

import pytest
from PIL import Image

from dnsearch.errors import DataError, RunError
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Stop

pytestmark = pytest.mark.xdist_group("inference")  # the runs are made once


def test_a_run_without_weights(train_digits, tmp_path):
    from dnsearch.evaluate.evaluation import evaluate_run
    from dnsearch.evaluate.predict import predict_images

    folder = RunFolder.create(tmp_path, "digits")
    train_digits(folder, lambda event: Stop("interrupted", "at once"))
    expected = f"{folder.path}\n  expected weights.npz, found no finished epoch"
    for ask in (lambda: evaluate_run(folder, "test"), lambda: predict_images(folder, [], 1)):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(caught.value) == expected


def test_data_that_has_changed_since(colours):
    from dnsearch.evaluate.evaluation import evaluate_run

    folder, images = colours
    (images / "blue").mkdir()
    for number in range(3):
        Image.new("RGB", (4, 6), (0, 0, 200)).save(images / "blue" / f"{number}.png")
    with pytest.raises(DataError) as caught:
        evaluate_run(folder, "validation")
    assert str(caught.value) == (
        f"{images}\n"
        "  expected the images of the run: [6, 4, 3], 2 classes (green, red), "
        "found [6, 4, 3], 3 classes (blue, green, red)\n"
        "  The data has changed since; restore it, or train again."
    )


def test_no_test_images(colours):
    from dnsearch.evaluate.evaluation import evaluate_run

    folder, images = colours
    with pytest.raises(DataError) as caught:
        evaluate_run(folder, "test")
    assert str(caught.value) == (
        f"{images}\n  expected test images, found none in this source\n  Try --split validation."
    )
    assert evaluate_run(folder, "validation").examples == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda saved: saved.pop("image_shape"), "'image_shape'"),
        (lambda saved: saved.update(image_shape=[6, 4]), "not enough values to unpack"),
        (lambda saved: saved.update(scaling=[1]), "'list' object has no attribute 'get'"),
        (lambda saved: saved.update(scaling={"offset": [0.0], "scale": [0.0]}), "no scale of 0"),
        (
            lambda saved: saved.update(scaling={"offset": [0.0], "scale": [1.0]}),
            "a scaling of 1 channels for images of 3",
        ),
    ],
)
def test_a_damaged_preprocessing_file(colours, change, said):
    from dnsearch.evaluate.predict import predict_images

    folder, images = colours
    saved = json.loads(folder.preprocessing.read_bytes())
    change(saved)
    folder.preprocessing.write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(RunError) as caught:
        predict_images(folder, [images / "red" / "0.png"], top=1)
    expected = f"{folder.preprocessing}\n  expected the run's scaling, image shape and class names, found "
    assert str(caught.value).startswith(expected)
    assert said in str(caught.value)


def test_a_missing_or_garbled_preprocessing_file(digits, drawings, tmp_path):
    from dnsearch.evaluate.predict import predict_images

    folder = RunFolder(tmp_path)
    for entry in digits[0].path.iterdir():
        (tmp_path / entry.name).write_bytes(entry.read_bytes())
    for spoil in (lambda: folder.preprocessing.write_bytes(b"{"), folder.preprocessing.unlink):
        spoil()
        with pytest.raises(RunError, match="expected the run's scaling, image shape and class names"):
            predict_images(folder, drawings[0][:1], top=1)
