"""``dnsearch import-weights``, and what its run is good for."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SMALL = """\
version: 1
name: small
extends: densenet-121
network: {layers_per_block: [1, 1, 1, 1]}
data: {source: folder, path: images, image_shape: [32, 32, 3], classes: 7}
"""
TUNED = """\
version: 1
extends: small.yaml
name: tuned
data: {classes: null}
training: {epochs: 1, batch_size: 4, learning_rate: 1e-3, start_from: runs/small}
"""

pytestmark = [
    pytest.mark.xdist_group("import_weights"),  # the weights are saved once
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't:DeprecationWarning"
    ),  # Keras as it saves
]


@pytest.fixture(scope="module")
def weights(keras_densenet, tmp_path_factory):
    """Two files: with and without classifier."""
    folder = tmp_path_factory.mktemp("weights")
    keras_densenet((1, 1, 1, 1)).save_weights(folder / "small.weights.h5")
    keras_densenet((1, 1, 1, 1), include_top=False).save_weights(folder / "no_top.weights.h5")
    return folder / "small.weights.h5", folder / "no_top.weights.h5"


@pytest.fixture
def at_work(dnsearch):
    Path("small.yaml").write_text(SMALL)
    Path("tuned.yaml").write_text(TUNED)
    return dnsearch


def test_weights_are_imported_predict_are_ranked_and_fine_tuned(at_work, weights):
    ran = at_work("import-weights", "small.yaml", weights[0])
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        f"{weights[0]} → runs/small",
        "next: dnsearch predict runs/small IMAGE; dnsearch train SPEC --set training.start_from=runs/small",
    ]
    rng = np.random.default_rng(0)
    for name in ("blue", "green", "red"):
        Path("images", name).mkdir(parents=True)
        for number in range(6):
            image = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
            image.save(Path("images", name, f"{number}.png"))

    (found,) = json.loads(at_work("predict", "runs/small", "images/red/0.png", "--top", 7, "--json").out)
    assert sorted(found["classes"]) == ["0", "1", "2", "3", "4", "5", "6"]
    assert sum(found["classes"].values()) == pytest.approx(1)

    (row,) = json.loads(at_work("leaderboard", "--json").out)
    assert (row["name"], row["state"], row["epochs"]) == ("small", "finished", 0)

    tuned = at_work("train", "tuned.yaml")
    assert tuned.code == 0
    assert tuned.err.splitlines()[-1] == (
        "started afresh, since training.start_from does not fit them: head_classifier"
    )

    resumed = at_work("train", "--resume", "runs/small")
    assert resumed.code == 4
    assert "expected a run that was trained, found imported weights" in resumed.err


def test_json_tells_what_is_fresh_and_what_differs(at_work, weights):
    ran = at_work(
        "import-weights",
        "small.yaml",
        weights[1],
        "--json",
        "--runs",
        "there",
        "--set",
        "network.pooling=max",
    )
    assert json.loads(ran.out) == {
        "name": "small",
        "path": "there/small",
        "fresh": ["head_classifier"],
        "differences": ["network.pooling is max, in keras.applications avg"],
    }
    assert "not in the file, so initialised at random: head_classifier" in ran.err
    assert "the weights fit, but network.pooling is max, in keras.applications avg" in ran.err


def test_what_cannot_be_imported_leaves_no_folder(at_work, weights):
    ran = at_work("import-weights", "small.yaml", "none.h5")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("none.h5\n  expected a file of Keras weights, found nothing")
    ran = at_work("import-weights", "densenet-121", weights[0])
    assert ran.code == 4
    assert (
        "The file has blocks of 1, 1, 1, 1 layers; the network has blocks of 6, 12, 24, 16 layers." in ran.err
    )
    ran = at_work("import-weights", "small.yaml", weights[0], "--set", "network.growth_rate=-1")
    assert ran.code == 2
    assert not Path("runs").exists()
