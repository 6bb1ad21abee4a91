"""What is said of masks, on a terminal and as JSON."""

import io
import json

import numpy as np
from rich.console import Console

from dnsearch.evaluate.segmentation import assess_masks
from dnsearch.report.evaluation_tables import evaluation_json, evaluation_table


def found(classes=3):
    labels = np.arange(4 * 30).reshape(4, 6, 5) % (classes - 1)
    told = labels.copy()
    told[0, :2] = 0
    return assess_masks([(9 * np.eye(classes)[told], labels)], tuple(f"class {n}" for n in range(classes)))


def drawn(classes=3, width=80):
    console = Console(width=width, file=io.StringIO())
    console.print(evaluation_table(found(classes), "scenes: 4 test images", width))
    return console.file.getvalue()


def test_the_headline_and_the_classes():
    text = drawn()
    assert "scenes: 4 test images" in text
    (headline,) = [line.split() for line in text.splitlines() if line.startswith("mean IoU")]
    assert headline[2] == f"{50 * (60 / 65 + 55 / 60):.2f}"
    assert "120 pixels" in text and "nats a pixel" in text
    (row,) = [line.split() for line in text.splitlines() if line.startswith("class 2")]
    assert row == ["class", "2", "–", "–", "–", "–", "0"]
    assert "rows: what the pixels show; columns: what was predicted" in text


def test_of_many_classes_the_worst_are_shown():
    text = drawn(classes=30)
    assert "the 20 lowest IoU of 30 classes; --json has all" in text
    assert "most often confused" in text


def test_the_json_has_everything():
    told = json.loads(json.dumps(evaluation_json(found()), allow_nan=False))
    assert (told["examples"], told["pixels"]) == (4, 120)
    assert told["mean_iou"] == np.mean([each["iou"] for each in told["classes"][:2]])
    assert told["classes"][2] == {
        "name": "class 2",
        "iou": None,
        "iou_interval": None,
        "precision": None,
        "recall": None,
        "dice": None,
        "pixels": 0,
    }
    assert told["intervals"]["mean_iou"][0] <= told["mean_iou"] <= told["intervals"]["mean_iou"][1]
    assert np.sum(told["confusion"]) == 120
