"""Runs on files that are read again and again, since they are too many for the memory."""

import numpy as np
import pytest

from dnsearch.errors import DataError
from dnsearch.runs.folder import RunFolder

pytestmark = pytest.mark.xdist_group("inference")  # the runs are made once


def test_files_that_are_streamed_give_the_same_run(colours, train_colours, tmp_path, monkeypatch):
    from dnsearch.data import dataset as module
    from dnsearch.evaluate.evaluation import evaluate_run

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

    with pytest.raises(DataError, match=r"expected a PNG or JPEG image, found .* No such file"):
        train_colours(colour_images, folder, ("epochs: 1", "epochs: 3"), watch=remove)
    record = folder.read()
    assert record.state == "failed"
    assert record.reason.startswith(str(colour_images))
