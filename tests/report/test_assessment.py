"""What ``evaluate`` shows, at two widths, and what it tells programs."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from dnsearch.errors import RunError
from dnsearch.evaluate.metrics import assess
from dnsearch.report.evaluation_tables import evaluation_json, evaluation_table, matrix_lines
from dnsearch.report.pictures import draw_confusion


def found(classes, examples=600, names=None):
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=examples)
    logits = rng.normal(0, 1, (examples, classes))
    logits[np.arange(examples), labels] += 2
    return assess(logits, labels, names or tuple(f"kind {number}" for number in range(classes)))


def shown(assessed, width):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(
        evaluation_table(assessed, "run: images", width)
    )
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


@pytest.mark.parametrize("width", [80, 120])
def test_ten_classes_are_shown_whole(width):
    lines = shown(found(10), width)
    text = "\n".join(lines)
    headings = "accuracy", "top-5 accuracy", "loss", "calibration error", "95 % interval", "Wilson"
    for heading in (*headings, "by chance up to"):
        assert heading in text
    assert lines[0] == "run: images"
    assert sum(line.startswith("kind ") for line in lines) == 10
    assert sum(line[3:].startswith("kind ") for line in lines) == 10, "a row of the matrix for each"


def test_many_classes_are_shown_where_they_are_weak():
    assessed = found(40)
    lines = shown(assessed, 80)
    start = next(number for number, line in enumerate(lines) if line.startswith("class "))
    listed = [line.split("  ")[0] for line in lines[start + 2 : start + 22]]
    weakest = sorted(assessed.classes, key=lambda each: each.f1)[:20]
    assert listed == [each.name for each in weakest]
    assert "the 20 lowest F1 of 40 classes; --json has all" in lines
    assert "most often confused" in lines


def test_a_matrix_that_fits_a_wider_terminal_alone_is_a_list_on_a_narrow_one():
    assessed = found(20)
    assert "most often confused" in shown(assessed, 80)
    assert "most often confused" not in shown(assessed, 120)


def test_nothing_confused():
    assessed = assess(np.eye(30) * 9, np.arange(30), tuple(f"a rather long name {i}" for i in range(30)))
    assert "nothing was taken for anything else" in shown(assessed, 80)


def test_names_are_shown_letter_by_letter():
    assessed = found(2, names=("[red]cat[/red]", "dog\nhouse"))
    text = "\n".join(shown(assessed, 80))
    assert "[red]cat[/red]" in text
    assert "dog house" in text


def test_classes_that_are_named_by_their_numbers_have_one_label():
    assert matrix_lines(np.array([[5, 0], [1, 7]]), ["0", "1"]) == ["    0  1", "0   5  ·", "1   1  7"]


def test_json_has_everything():
    assessed = found(6)
    told = json.loads(json.dumps(evaluation_json(assessed), allow_nan=False))
    assert told["examples"] == 600
    assert told["accuracy"] == assessed.accuracy.value
    assert told["intervals"]["loss"] == [assessed.loss.low, assessed.loss.high]
    assert told["intervals"]["accuracy_wilson"] == list(assessed.wilson)
    assert [each["name"] for each in told["classes"]] == [f"kind {number}" for number in range(6)]
    assert np.sum(told["confusion"]) == 600
    few = evaluation_json(found(3))
    assert few["top5_accuracy"] is None
    assert few["intervals"]["top5_accuracy"] is None


@pytest.mark.parametrize("classes", [2, 30])
def test_the_picture_is_a_picture_and_the_same_every_time(classes, tmp_path):
    assessed = found(classes)
    names = [f"${each.name}$ with a name that is much too long" for each in assessed.classes]
    for file in ("one.png", "two.png"):
        draw_confusion(assessed.confusion, names, "a title", tmp_path / file)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    picture = np.asarray(Image.open(tmp_path / "one.png").convert("RGB"))
    assert min(picture.shape[:2]) > 400
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_a_picture_that_cannot_be_written(tmp_path):
    with pytest.raises(RunError, match=r"nowhere/c.png\n  cannot be written: No such file"):
        draw_confusion(np.eye(2, dtype=np.int64), ["a", "b"], "t", tmp_path / "nowhere" / "c.png")
