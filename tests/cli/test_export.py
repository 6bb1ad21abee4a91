"""``dnsearch export`` and ``train --log``, as a person uses them."""

import csv
import json
from pathlib import Path

import pytest

from dnsearch.runs.folder import RunFolder

pytestmark = pytest.mark.xdist_group("cli_export")


def test_a_run_is_exported_logged_and_says_so(dnsearch, tensorflow_ready):
    ran = dnsearch("train", "spec.yaml", "--log", "csv", "--log", "tensorboard")
    assert ran.code == 0
    with Path("runs/tiny/epochs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = RunFolder(Path("runs/tiny")).epochs()
    assert [float(row["validation_loss"]) for row in rows] == [each.validation.loss for each in epochs]
    for part in ("training", "validation"):
        (file,) = Path("runs/tiny/tensorboard", part).iterdir()
        assert file.name.startswith("events.out.tfevents.")

    ran = dnsearch("export", "runs/tiny", "--format", "onnx")
    assert (ran.code, ran.out) == (0, "")
    first, second = ran.err.splitlines()
    assert first.startswith("tiny → runs/tiny/export/onnx  ")
    assert first.endswith(" kB")
    assert second.startswith("checked on ")
    assert " images of the run: largest difference " in second
    assert second.endswith(", tolerance 1e-04")
    assert Path("runs/tiny/export/onnx/model.onnx").exists()

    ran = dnsearch("export", "runs/tiny", "-f", "onnx", "-o", "there", "--json")
    told = json.loads(ran.out)
    assert set(told) == {"path", "format", "images", "difference", "tolerance", "size_bytes"}
    assert (told["path"], told["format"], told["tolerance"]) == ("there", "onnx", 1e-4)
    assert dnsearch("export", "runs/tiny", "-f", "onnx", "-o", "there").code == 4
    assert dnsearch("export", "runs/tiny", "-f", "onnx", "-o", "there", "--force").code == 0

    (row,) = json.loads(dnsearch("leaderboard", "--json").out)
    assert row["name"] == "tiny", "an export is no run"


def test_an_unknown_format(dnsearch, run_folder):
    run_folder(Path("runs/tiny"))
    ran = dnsearch("export", "runs/tiny", "--format", "pickle")
    assert ran.code == 2
    told = " ".join(ran.err.replace("│", " ").split())
    choices = "'savedmodel', 'litert', 'onnx', 'keras-weights'."
    assert f"Invalid value for '--format' / '-f': 'pickle' is not one of {choices}" in told


def test_an_unknown_log(dnsearch):
    ran = dnsearch("train", "spec.yaml", "--log", "paper")
    assert ran.code == 2
    told = " ".join(ran.err.replace("│", " ").split())
    assert "Invalid value for '--log': 'paper' is not one of 'csv', 'tensorboard'." in told
