"""A run's network, opened from its folder, and data that is read again and again."""

import json

import numpy as np
import pytest
from PIL import Image

from dnsearch.errors import DataError, RunError
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Stop

pytestmark = pytest.mark.xdist_group("inference")  # the runs are made once


def test_a_run_without_weights(train_digits, tmp_path):
    from dnsearch.evaluate.predict import predict_images
    from dnsearch.evaluate.trained_run import evaluate_run

    folder = RunFolder.create(tmp_path, "digits")
    train_digits(folder, lambda event: Stop("interrupted", "at once"))
    expected = f"{folder.path}\n  expected weights.npz, found no finished epoch"
    for ask in (lambda: evaluate_run(folder, "test"), lambda: predict_images(folder, [], 1)):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(caught.value) == expected


@pytest.mark.parametrize("old", [b"{'descr'", b"PK\x03\x04", b"PK\x01\x02"])
def test_damaged_weights(colours, tmp_path, old):
    from dnsearch.evaluate.predict import latency_seconds, predict_images
    from dnsearch.evaluate.trained_run import evaluate_run
    from dnsearch.export.exporting import Format, export_run

    folder, images = colours
    folder.weights.write_bytes(folder.weights.read_bytes().replace(old, b"(" * len(old), 1))
    for ask in (
        lambda: evaluate_run(folder, "validation"),
        lambda: predict_images(folder, [images / "red" / "0.png"], top=1),
        lambda: latency_seconds(folder),
        lambda: export_run(folder, Format("onnx", lambda *_: None), tmp_path / "out", force=False),
    ):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(caught.value).startswith(f"{folder.weights}\n  expected a file of saved arrays, found ")
        assert str(caught.value).endswith("  The file was damaged; restore it from a copy, or train again.")


def test_data_that_has_changed_since(colours):
    from dnsearch.evaluate.trained_run import evaluate_run

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
    from dnsearch.evaluate.trained_run import evaluate_run

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
        (lambda saved: saved.update(image_shape=[6, 4, float("inf")]), "cannot convert float infinity"),
        (lambda saved: saved.update(scaling=[1]), "'list' object has no attribute 'get'"),
        (lambda saved: saved.update(scaling={"offset": [0.0], "scale": [0.0]}), "no scale of 0"),
        (
            lambda saved: saved.update(scaling={"offset": [0.0], "scale": [1.0]}),
            "a scaling of 1 channels for images of 3",
        ),
        (lambda saved: saved.update(class_names=[]), "no class names"),
        (lambda saved: saved.update(image_shape=[10**400, 8, 3]), "of at most 4096x4096x64"),
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
    for spoil in (
        lambda: folder.preprocessing.write_bytes(b"{"),
        lambda: folder.preprocessing.write_bytes(b"[" * 9999),
        folder.preprocessing.unlink,
    ):
        spoil()
        with pytest.raises(RunError, match="expected the run's scaling, image shape and class names"):
            predict_images(folder, drawings[0][:1], top=1)


def test_files_that_are_streamed_give_the_same_run(colours, train_colours, tmp_path, monkeypatch):
    from dnsearch.data import dataset as module
    from dnsearch.evaluate.trained_run import evaluate_run

    held, images = colours
    monkeypatch.setattr(module, "MEMORY_SHARE", 0)
    streamed = RunFolder.create(tmp_path, "streamed")
    train_colours(images, streamed)
    for name in np.load(held.weights).files:
        np.testing.assert_array_equal(np.load(streamed.weights)[name], np.load(held.weights)[name])
    again, before = (evaluate_run(folder, "validation") for folder in (streamed, held))
    assert (again.loss, again.confusion.tolist()) == (before.loss, before.confusion.tolist())
    for path in images.glob("*/*"):
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match="found another format"):
        evaluate_run(streamed, "validation")


def test_a_file_that_goes_amid_a_training_fails_the_run(train_colours, colour_images, tmp_path, monkeypatch):
    from dnsearch.data import dataset as module

    monkeypatch.setattr(module, "MEMORY_SHARE", 0)
    folder = RunFolder.create(tmp_path, "failing")

    def remove(event):
        for path in colour_images.glob("*/*"):
            path.unlink()

    with pytest.raises(DataError, match=r"expected a PNG or JPEG image, found No such file"):
        train_colours(colour_images, folder, ("epochs: 1", "epochs: 3"), watch=remove)
    record = folder.read()
    assert record.state == "failed"
    assert record.reason.startswith(str(colour_images))
