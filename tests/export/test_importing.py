"""Keras weights become a run: it predicts as Keras does, and another run can start from it."""

import json

import numpy as np
import pytest
from PIL import Image

from dnsearch.errors import DataError, RunError, SpecError
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.lock import is_locked
from dnsearch.spec.document import fingerprint, load, parse

BLOCKS = (1, 2, 1, 1)
SPEC = """\
version: 1
name: small
extends: densenet-121
network: {layers_per_block: [1, 2, 1, 1]}
data: {source: folder, path: PATH, image_shape: [32, 32, 3], classes: 7}
"""
FINE_TUNING = """\
version: 1
name: tuned
extends: densenet-121
network: {layers_per_block: [1, 2, 1, 1]}
data: {source: folder, path: PATH, image_shape: [32, 32, 3], classes: null, validation_fraction: 0.25}
training: {epochs: 1, batch_size: 4, learning_rate: 1e-3, start_from: RUN}
"""
TOLERANCE = {"rtol": 2e-5, "atol": 0}
"""float32, likelihoods from 6e-4 to 1; errors up to 3e-6 of each were seen."""

pytestmark = [
    pytest.mark.xdist_group("importing"),  # the Keras model and its run are made once
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't:DeprecationWarning"
    ),  # Keras as it saves
]


@pytest.fixture(scope="module")
def keras_model(keras_densenet):
    return keras_densenet(BLOCKS)


@pytest.fixture(scope="module")
def weights(keras_model, keras_densenet, tmp_path_factory):
    """Files with its weights, the second without classifier."""
    folder = tmp_path_factory.mktemp("weights")
    paths = folder / "small.weights.h5", folder / "no_top.weights.h5"
    keras_model.save_weights(paths[0])
    keras_densenet(BLOCKS, include_top=False).save_weights(paths[1])
    return paths


@pytest.fixture(scope="module")
def imported(weights, tmp_path_factory):
    return brought_in(
        spec(tmp_path_factory.mktemp("no") / "images"), weights[0], tmp_path_factory.mktemp("runs")
    )


@pytest.fixture
def images(tmp_path):
    """Two classes of eight images each, noise on red and on green."""
    rng = np.random.default_rng(2)
    for name, colour in (("green", (0, 200, 0)), ("red", (200, 0, 0))):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(8):
            pixels = np.clip(rng.integers(0, 60, (32, 32, 3)) + colour, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


def spec(path, text=SPEC, **values):
    document = parse(text.replace("PATH", str(path)).encode(), "small.yaml")
    changes = {field.replace("__", "."): value for field, value in values.items()}
    return document.with_values(changes, "the test") if changes else document


def brought_in(document, path, runs):
    from dnsearch.export.importing import import_run

    return import_run(document, path, runs)


def trained(document, folder):
    from dnsearch.train.run import run

    return run(planned_spec(document), folder, lambda event: None)


def arrays(folder):
    with np.load(folder.weights) as file:
        return {name: file[name] for name in file.files}


def test_the_run_has_everything_but_epochs(imported, weights):
    folder = imported.folder
    assert {path.name for path in folder.path.iterdir()} == {
        *("spec.yaml", "resolved.yaml", "run.json", "preprocessing.json", "weights.npz", "lock")
    }
    document = load(str(folder.resolved))
    record = folder.read()
    assert record == imported.record
    assert (record.name, record.state, record.epochs, record.last) == ("small", "finished", 0, None)
    assert record.reason == f"weights imported from {weights[0]}"
    assert record.fingerprint == fingerprint(document.experiment)
    assert "keras" in record.versions
    assert (imported.fresh, imported.differences) == ((), ())
    assert not is_locked(folder.lock)


def test_preprocessing_is_that_of_keras_applications(imported):
    from keras.applications.densenet import preprocess_input

    from dnsearch.data.dataset import Scaling

    kept = json.loads(imported.folder.preprocessing.read_bytes())
    assert kept["image_shape"] == [32, 32, 3]
    assert kept["class_names"] == ["0", "1", "2", "3", "4", "5", "6"]
    pixels = np.arange(256 * 3, dtype=np.uint8).reshape(1, 16, 16, 3)
    theirs = preprocess_input(pixels.astype("float32"))
    np.testing.assert_allclose(Scaling.from_json(kept["scaling"]).apply(pixels), theirs, rtol=1e-5, atol=1e-6)


def test_it_predicts_what_keras_predicts(imported, keras_model, tmp_path):
    import keras

    from dnsearch.evaluate.predict import predict_images

    noise = np.random.default_rng(3).integers(0, 256, (3, 32, 32, 3))
    pixels = (noise // [[[[1]]], [[[2]]], [[[8]]]]).astype(np.uint8)  # light, grey and dark
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    scaled = keras.applications.densenet.preprocess_input(pixels.astype("float32"))
    expected = np.asarray(keras.ops.softmax(keras_model(scaled, training=False)))
    assert np.std(expected, axis=0).max() > 0.01
    for prediction, row in zip(predict_images(imported.folder, paths, top=7), expected, strict=True):
        found = [prediction.classes[str(number)] for number in range(7)]
        np.testing.assert_allclose(found, row, **TOLERANCE)
        assert next(iter(prediction.classes)) == str(row.argmax())


def test_where_the_images_are_there_their_folders_name_the_classes(weights, images, tmp_path):
    document = spec(images, data__classes=2)
    folder = brought_in(document, weights[1], tmp_path / "runs").folder
    assert json.loads(folder.preprocessing.read_bytes())["class_names"] == ["green", "red"]

    from dnsearch.evaluate.trained_run import evaluate_run

    assert evaluate_run(folder, "validation").examples == 2


def test_without_a_top_the_run_says_what_is_fresh(weights, tmp_path):
    found = brought_in(spec(tmp_path / "none", data__classes=3), weights[1], tmp_path)
    assert found.fresh == ("head_classifier",)
    assert (
        found.record.reason == f"weights imported from {weights[1]}, which has no weights for head_classifier"
    )
    again = brought_in(spec(tmp_path / "none", data__classes=3), weights[1], tmp_path)
    assert again.folder.name == "small-2"
    first, second = arrays(found.folder), arrays(again.folder)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_what_computes_otherwise_though_it_fits_is_told(weights, tmp_path):
    document = spec(tmp_path / "none", network__pooling="max", network__batch_norm__epsilon=1e-3)
    assert brought_in(document, weights[0], tmp_path).differences == (
        "network.pooling is max, in keras.applications avg",
        "network.batch_norm.epsilon is 0.001, in keras.applications 1.001e-05",
    )


# What is refused; no folder is left behind.


def refused(kind, document, path, runs):
    with pytest.raises(kind) as caught:
        brought_in(document, path, runs)
    assert not runs.exists()
    return str(caught.value)


def test_grey_images(weights, tmp_path):
    document = spec(tmp_path / "none", data__image_shape=[32, 32, 1])
    said = refused(SpecError, document, weights[0], tmp_path / "runs")
    assert (
        "data.image_shape\n  expected 3 channels: the weights of keras.applications read RGB, found 1" in said
    )


def test_other_classes_than_the_folders(weights, images, tmp_path):
    said = refused(DataError, spec(images), weights[0], tmp_path / "runs")
    assert f"data.classes\n  expected 2, as in {images}, found 7" in said


def test_another_network(weights, tmp_path):
    document = spec(tmp_path / "none", network__layers_per_block=[1, 1, 1, 1])
    assert "The file has blocks of 1, 2, 1, 1 layers" in refused(
        RunError, document, weights[0], tmp_path / "runs"
    )


def test_imported_weights_are_not_trained_over(imported):
    before = {path.name: path.read_bytes() for path in imported.folder.path.iterdir() if path.name != "lock"}
    with pytest.raises(RunError) as caught:
        trained(load(str(imported.folder.resolved)), imported.folder)
    path = imported.folder.path
    assert str(caught.value) == (
        f"{path}\n  expected a run that was trained, found imported weights\n"
        f"  Fine-tune them in a run of their own: set training.start_from to {path}"
    )
    after = {path.name: path.read_bytes() for path in imported.folder.path.iterdir() if path.name != "lock"}
    assert after == before


# A run that starts from it.


def fine_tuning(images, start_from, **values):
    return spec(images, FINE_TUNING.replace("RUN", str(start_from)), **values)


def test_it_is_fine_tuned_for_other_classes(imported, images, tmp_path):
    document = fine_tuning(images, imported.folder.path)
    folder = RunFolder.create(tmp_path, "tuned")
    record = trained(document, folder)
    assert (record.state, record.epochs) == ("finished", 1)
    assert np.isfinite(record.last.loss)
    assert folder.afresh() == ("head_classifier",)
    assert json.loads(folder.start.read_bytes()) == {
        "start_from": str(imported.folder.path),
        "afresh": ["head_classifier"],
    }
    before, after = arrays(imported.folder), arrays(folder)
    kernel = "head_classifier/kernel"
    assert (before[kernel].shape[1], after[kernel].shape[1]) == (7, 2)
    moved = {
        name: np.linalg.norm(after[name] - value) / np.linalg.norm(value)
        for name, value in before.items()
        if name.endswith("_conv/kernel")
    }
    # Three steps of 1e-3 move a kernel a little; fresh weights would be as far away as they are long.
    assert min(moved.values()) > 0
    assert max(moved.values()) < 0.1


@pytest.mark.slow
def test_a_start_from_a_run_of_the_same_classes_takes_all_its_weights(imported, weights, images, tmp_path):
    first = brought_in(spec(images, data__classes=2), weights[1], tmp_path)
    folder = RunFolder.create(tmp_path, "tuned")
    trained(fine_tuning(images, first.folder.path), folder)
    assert folder.afresh() == ()
    kernel = "head_classifier/kernel"
    assert np.linalg.norm(arrays(folder)[kernel] - arrays(first.folder)[kernel]) < 0.1


@pytest.mark.slow
def test_a_resumed_run_goes_on_from_its_checkpoint_and_not_from_the_start(imported, images, tmp_path):
    from dnsearch.runs.record import EpochRecord, Stop
    from dnsearch.train.run import run

    document = fine_tuning(images, imported.folder.path, training__epochs=2)
    whole, parted = RunFolder.create(tmp_path, "whole"), RunFolder.create(tmp_path, "parted")
    trained(document, whole)
    run(
        planned_spec(document),
        parted,
        lambda event: Stop("interrupted", "") if isinstance(event, EpochRecord) else None,
    )
    assert trained(document, parted).epochs == 2
    expected, found = arrays(whole), arrays(parted)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere", "expected a run folder, with its run.json, found nothing"),
        ("empty", "a file of saved arrays"),
    ],
)
def test_a_start_from_nowhere(imported, images, tmp_path, place, said):
    RunFolder.create(tmp_path, "empty").write(imported.record)
    folder = RunFolder.create(tmp_path, "tuned")
    with pytest.raises(RunError, match=said):
        trained(fine_tuning(images, tmp_path / place), folder)
    record = folder.read()
    assert record.state == "failed"
    assert said in record.reason


def test_where_a_run_starts_from_makes_it_another_run(imported, images):
    started, fresh = (
        fine_tuning(images, imported.folder.path, training__start_from=path).experiment
        for path in (str(imported.folder.path), None)
    )
    assert fingerprint(started) != fingerprint(fresh)
