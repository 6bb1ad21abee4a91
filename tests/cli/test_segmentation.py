"""A U-Net from its scenes to its masks, as a person goes that way."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dnsearch.data import digits
from dnsearch.front_door import planned_spec
from dnsearch.spec.data_section import Data

SPEC = """\
version: 1
name: tiny
network: {family: unet, growth_rate: 6, layers_per_block: [1, 1], bottleneck_width: null, stem: {channels: 8}}
data: {source: scenes, training_examples: 300}
training:
  epochs: 2
  batch_size: 16
  learning_rate: 0.01
  optimizer: adam
  loss: cross_entropy_dice
  augmentation: {crop: 2, cutmix: 1}
"""

pytestmark = pytest.mark.xdist_group("segmentation")  # the run is made once


@pytest.fixture(scope="module")
def trained(tensorflow_ready, tmp_path_factory):
    """A run on scenes, and what was said of each epoch."""
    from dnsearch.runs.folder import RunFolder
    from dnsearch.spec.document import parse
    from dnsearch.train.run import run

    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "tiny")
    run(planned_spec(parse(SPEC.encode(), "spec.yaml")), folder, lambda event: None)
    return folder


@pytest.fixture
def at_work(dnsearch, trained):
    """The program beside a copy of the run, in ``runs/tiny``, and one scene, ``scene.png``."""
    shutil.copytree(trained.path, "runs/tiny")
    Path("spec.yaml").write_text(SPEC)
    Image.fromarray(digits.read(Data(source="scenes")).test.images[0, ..., 0]).save("scene.png")
    return dnsearch


def opened(path):
    """An image's mode, the shape of its pixels, and these."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
        return image.mode, pixels.shape, pixels


def test_training_tells_and_chooses_by_mean_iou(trained):
    record, epochs = trained.read(), trained.epochs()
    for epoch in epochs:
        assert epoch.training.mean_iou is None
        assert 0 < epoch.validation.mean_iou < epoch.validation.accuracy < 1
        assert epoch.validation.examples == 120 * 32 * 32
    assert record.best.mean_iou == max(epoch.validation.mean_iou for epoch in epochs)
    assert epochs[1].validation.loss < epochs[0].validation.loss
    assert epochs[0].training.examples < 300 * 32 * 32  # what came in from outside does not count


def test_evaluate(at_work):
    found = json.loads(at_work("evaluate", "runs/tiny", "--json", "--confusion", "confusion.png").out)
    assert found["examples"] == 300 and found["pixels"] == 300 * 32 * 32
    assert [each["name"] for each in found["classes"]] == ["background", *"0123456789"]
    shown = [each["iou"] for each in found["classes"] if each["iou"] is not None]
    assert found["mean_iou"] == pytest.approx(np.mean(shown))
    assert found["intervals"]["mean_iou"][0] < found["mean_iou"] < found["intervals"]["mean_iou"][1]
    assert opened("confusion.png")[1][1] > 500
    record = json.loads(Path("runs/tiny/run.json").read_text())
    assert record["test"]["mean_iou"] == found["mean_iou"]
    text = at_work("evaluate", "runs/tiny", "--split", "validation").out
    assert "tiny: 120 validation images" in text and "mean IoU" in text and "pixel accuracy" in text
    assert f"{100 * record['last']['mean_iou']:.2f} %" in text


def test_mirrored_views_are_mirrored_back(at_work):
    plain = json.loads(at_work("evaluate", "runs/tiny", "--json").out)
    flipped = json.loads(at_work("evaluate", "runs/tiny", "--json", "--tta", "flip").out)
    assert flipped["tta"] == "flip"
    assert flipped["loss"] < 1.2 * plain["loss"]  # digits at mirrored places would cost far more
    assert flipped["accuracy"] > 0.85
    ran = at_work("evaluate", "runs/tiny", "--tta", "shifts")
    assert ran.code == 4
    assert "--tta\n  expected flip for a U-Net, found shifts\n" in ran.err


def test_predict_writes_masks_and_overlays(at_work):
    (found,) = json.loads(at_work("predict", "runs/tiny", "scene.png", "--out", "seen/here", "--json").out)
    assert found["mask"] == "seen/here/scene.mask.png" and found["overlay"] == "seen/here/scene.overlay.png"
    mode, shape, mask = opened(found["mask"])
    assert (mode, shape) == ("P", (32, 32))
    assert opened(found["overlay"])[:2] == ("RGB", (32, 32, 3))
    assert found["classes"]["background"] == (mask == 0).mean()
    assert (mask == 0)[digits.read(Data(source="scenes")).test.labels[0] == 0].mean() > 0.9
    assert sum(found["classes"].values()) == pytest.approx(1)
    line = at_work("predict", "runs/tiny", "scene.png").out
    assert line.startswith("scene.png  scene.mask.png  scene.overlay.png  background ")
    assert Path("scene.mask.png").read_bytes() == Path(found["mask"]).read_bytes()


def test_two_images_that_would_have_one_mask(at_work):
    Path("other").mkdir()
    shutil.copy("scene.png", "other/scene.png")
    ran = at_work("predict", "runs/tiny", "scene.png", "other/scene.png", "--out", "seen")
    assert ran.code == 4
    assert "seen/scene.mask.png\n  expected one mask for each image, found two images of this name" in ran.err
    assert not Path("seen").exists()
    assert at_work("predict", "runs/tiny", "scene.png", "other/scene.png", "--force").code == 0


def test_the_leaderboard_has_mean_iou(at_work):
    at_work("evaluate", "runs/tiny")
    text = at_work("leaderboard").out
    assert "mean IoU" in text and "test mean" in " ".join(text.split())
    (row,) = json.loads(at_work("leaderboard", "--json", "--sort", "test_mean_iou").out)
    assert row["rank"] == 1 and 0 < row["validation_mean_iou"] < row["validation_accuracy"]


def test_data_shows_masks(at_work):
    ran = at_work("data", "spec.yaml", "--out", "samples.png", "--samples", 8)
    assert ran.code == 0
    assert "pixels of class" in ran.out
    assert ["images", "300", "120", "300"] in [line.split() for line in ran.out.splitlines()]
    colours = opened("samples.png")[2][..., :3].astype(int)
    assert (np.ptp(colours, axis=-1) > 60).sum() > 1000  # grey scenes have coloured digits


def test_an_export_answers_for_pixels(at_work):
    ran = at_work("export", "runs/tiny", "--format", "onnx")
    assert ran.code == 0, ran.err
    about = json.loads(Path("runs/tiny/export/onnx/about.json").read_text())
    assert about["outputs"][0]["shape"] == ["batch", 32, 32, 11]


@pytest.mark.parametrize("command", ["check", "inspect", "train"])
def test_a_densenet_on_masks_is_refused_where_it_stands(dnsearch, command):
    Path("spec.yaml").write_text(
        "version: 1\nnetwork: {growth_rate: 4, layers_per_block: [1, 1]}\ndata: {source: scenes}\n"
        "training: {epochs: 1, learning_rate: 0.1}\n"
    )
    ran = dnsearch(command, "spec.yaml")
    assert ran.code == 2
    assert "spec.yaml:2:10  network.family" in ran.err
    assert "expected unet, since every pixel of scenes has a label, found densenet" in ran.err
    assert not Path("runs").exists()


def test_predict_has_no_masks_of_a_densenet(dnsearch, run_folder):
    run_folder(Path("runs/plain"), 0.9, settings={"network.family": "densenet"})
    ran = dnsearch("predict", "runs/plain", "a.png", "--out", "here")
    assert ran.code == 2
    assert "--out is for U-Nets" in " ".join(ran.err.replace("│", " ").split())
