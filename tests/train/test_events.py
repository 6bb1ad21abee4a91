"""TensorBoard's files, read back."""

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.record import EpochRecord, Metrics


def epoch(number):
    return EpochRecord(number, 0.1 / number, Metrics(0.5, 0.25, 100), Metrics(0.75, 0.125, 20), 1.0, 320.0)


def read(folder):
    """Step, tag and number of every figure, and what the files say of themselves."""
    import tensorflow as tf

    versions, figures = [], []
    for file in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            if event.file_version:
                versions.append(event.file_version)
            figures += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    return versions, figures


def test_both_curves_under_one_tag(tensorflow_ready, tmp_path):
    from dnsearch.train.tensorboard import tensorboard

    with tensorboard(tmp_path / "logs") as write:
        write(epoch(1))
        write(epoch(2))
    versions, figures = read(tmp_path / "logs" / "training")
    assert versions == ["brain.Event:2"]
    assert figures == [
        (1, "loss", 0.5),
        (1, "accuracy", 0.25),
        (1, "learning_rate", pytest.approx(0.1)),
        (1, "images_per_second", 320.0),
        (2, "loss", 0.5),
        (2, "accuracy", 0.25),
        (2, "learning_rate", pytest.approx(0.05)),
        (2, "images_per_second", 320.0),
    ]
    _, figures = read(tmp_path / "logs" / "validation")
    assert figures[:2] == [(1, "loss", 0.75), (1, "accuracy", 0.125)]


def test_an_epoch_can_be_read_before_the_training_ends(tensorflow_ready, tmp_path):
    from dnsearch.train.tensorboard import tensorboard

    with tensorboard(tmp_path) as write:
        write(epoch(1))
        assert len(read(tmp_path / "validation")[1]) == 2


def test_a_place_that_cannot_be_written_to(tensorflow_ready, tmp_path):
    from dnsearch.train.tensorboard import tensorboard

    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(
            RunError, match=r"file/logs\n  expected a folder that can be written to, found .*Not a dir"
        ),
        tensorboard(tmp_path / "file" / "logs"),
    ):
        pass
