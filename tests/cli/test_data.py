"""``dnsearch data``."""

import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image


def test_a_table_of_the_images(dnsearch):
    ran = dnsearch("data", "spec.yaml")
    assert (ran.code, ran.err) == (0, "")
    lines = [line.split() for line in ran.out.splitlines() if line.strip()]
    assert " ".join(lines[0]) == "tiny, 8x8x1, 10 classes"
    assert lines[1] == ["class", "training", "validation", "test"]
    assert lines[-2] == ["images", "200", "144", "359"]
    assert " ".join(lines[-1]).startswith("channel 1: (pixel - ")
    assert len(lines) == 15
    assert max(map(len, ran.out.splitlines())) <= 80


def test_the_same_as_json(dnsearch):
    found = json.loads(dnsearch("data", "spec.yaml", "--json").out)
    assert found["image_shape"] == [8, 8, 1]
    assert found["images"] == {"training": 200, "validation": 144, "test": 359}
    assert [each["name"] for each in found["classes"]] == [*map(str, range(10))]
    assert sum(each["training"] for each in found["classes"]) == 200
    assert found["repeated"] == {"validation": 0, "test": 0}
    assert found["scaling"]["offset"][0] == pytest.approx(4.9, abs=0.1)


def test_images_in_more_than_one_part_are_named(dnsearch, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "each_twice.npz", x_train=np.tile(images, (2, 1, 1, 1)), y_train=np.arange(60) % 2)
    source, kept = "data={source: npz, path: each_twice.npz}", "data.training_examples=54"
    ran = dnsearch("data", "spec.yaml", "--set", source, "--set", kept)
    assert re.match(r"\d of 6 validation images are among the training images too, pixel by pixel: ", ran.err)


def test_the_table_alone_needs_no_tensorflow(dnsearch):
    program = (
        "import sys; from dnsearch.cli.main import app; app(['data', 'spec.yaml'], standalone_mode=False); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b"validation" in ran.stdout


MIXED = "training.augmentation={crop: 1, mixup: 1.0, cutout: 3}"


def test_the_sheet_is_the_same_for_a_seed_and_an_epoch(dnsearch, tensorflow_ready, tmp_path):
    def sheet(name, *more):
        ran = dnsearch("data", "spec.yaml", "--samples", 7, "--out", name, "--set", MIXED, *more)
        assert (ran.code, ran.err) == (0, f"drew {name}\n")
        return (tmp_path / name).read_bytes()

    first = sheet("a.png")
    assert sheet("made/b.png") == first
    assert sheet("c.png", "--epoch", 2) != first
    assert sheet("d.png", "--set", "training.seed=5") != first
    image = Image.open(io.BytesIO(first))
    assert image.format == "PNG" and min(image.size) > 200


def test_a_sheet_of_another_format_is_refused_before_anything_is_read(dnsearch):
    ran = dnsearch("data", "spec.yaml", "--out", "a.jpg")
    assert ran.code == 2 and ran.out == ""
    assert "a file that ends in .png, not .jpg" in ran.err


def test_a_sheet_that_cannot_be_written_is_told(dnsearch, tensorflow_ready, tmp_path):
    (tmp_path / "file").write_text("")
    ran = dnsearch("data", "spec.yaml", "--out", "file/a.png", "--samples", 1)
    assert ran.code == 2
    assert "expected a place that can be written to" in ran.err


def test_missing_images_are_a_data_error(dnsearch):
    ran = dnsearch("data", "spec.yaml", "--set", "data={source: npz, path: none.npz}")
    assert ran.code == 3
    assert "none.npz" in ran.err
