"""Epochs as a table."""

import csv
from dataclasses import replace

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.folder import RunFolder, write_epochs_csv


def test_a_row_for_each_epoch(tmp_path, epoch):
    folder = RunFolder(tmp_path)
    for number in (1, 2):
        folder.append(replace(epoch, epoch=number))
        write_epochs_csv(folder)
    with (tmp_path / "epochs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert rows[0] == {
        "epoch": "1",
        "learning_rate": "0.1",
        "training_loss": "0.5",
        "training_accuracy": "0.25",
        "training_examples": "1000",
        "training_mean_iou": "",
        "validation_loss": "0.25",
        "validation_accuracy": "0.5",
        "validation_examples": "180",
        "validation_mean_iou": "",
        "wall_seconds": "6.25",
        "images_per_second": "1234.5",
    }


def test_epochs_that_are_done_again_stand_there_once(tmp_path, epoch):
    folder = RunFolder(tmp_path)
    for number in (1, 2, 3):
        folder.append(replace(epoch, epoch=number))
    folder.write_epochs(folder.epochs()[:1])
    folder.append(replace(epoch, epoch=2))
    write_epochs_csv(folder)
    assert [line[0] for line in (tmp_path / "epochs.csv").read_text().splitlines()[1:]] == ["1", "2"]


def test_a_folder_that_may_not_be_written_to(unprivileged):
    with pytest.raises(RunError, match=r"epochs.csv\n  cannot be written: Permission denied"):
        write_epochs_csv(RunFolder(unprivileged))
