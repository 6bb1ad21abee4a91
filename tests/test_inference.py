"""What a trained run tells of images."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from dnsearch.data.load import load
from dnsearch.errors import DataError, RunError
from dnsearch.records.record import Metrics, Stop
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import parse

DIGITS = """\
version: 1
name: digits
network: {growth_rate: 8, layers_per_block: [2, 2], dropout: 0.2}
data: {source: digits}
training: {epochs: 4, batch_size: 32, learning_rate: 0.1, schedule: cosine}
"""
COLOURS = """\
version: 1
name: colours
network: {growth_rate: 2, layers_per_block: [1]}
data: {source: folder, path: PATH, image_shape: [6, 4, 3], validation_fraction: 0.25}
training: {epochs: 1, batch_size: 8, learning_rate: 0.1}
"""

pytestmark = pytest.mark.xdist_group("inference")  # the runs are made once


def trained(text, folder, watch=lambda event: None):
    from dnsearch.run import run

    document = parse(text.encode(), "spec.yaml")
    run(document, folder, watch)
    return document


@pytest.fixture(scope="module")
def digits(tensorflow_ready, tmp_path_factory):
    """A run that knows the digits, and its data."""
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "digits")
    return folder, load(trained(DIGITS, folder).experiment.data)


def colour_images(tmp_path):
    """A folder of 8 red and 8 green images."""
    images = tmp_path / "images"
    for name, colour in (("green", (0, 200, 0)), ("red", (200, 0, 0))):
        (images / name).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (4, 6), colour).save(images / name / f"{number}.png")
    return images


@pytest.fixture
def colours(tensorflow_ready, tmp_path):
    """A run on a folder of 8 red and 8 green images, without test images; and the folder."""
    images = colour_images(tmp_path)
    folder = RunFolder.create(tmp_path, "colours")
    trained(COLOURS.replace("PATH", str(images)), folder)
    return folder, images


def by_hand(folder, split):
    """The run's logits for some images, from its files, by Keras' own predict."""
    from dnsearch.model.build import build
    from dnsearch.plan.family import plan_network

    network = parse(folder.resolved.read_bytes(), "resolved.yaml").experiment.network
    model = build(plan_network(network, split.images.shape[1:], 10))
    with np.load(folder.weights) as file:
        for weight in model.weights:
            weight.assign(file[weight.path])
    scaling = json.loads(folder.preprocessing.read_bytes())["scaling"]
    pixels = (split.images - np.float32(scaling["offset"])) / np.float32(scaling["scale"])
    return model.predict(pixels.astype(np.float32), verbose=0, batch_size=50).astype(np.float64)


@pytest.mark.parametrize("part", ["test", "validation"])
def test_an_evaluation_is_what_keras_predict_gives(digits, part):
    from dnsearch.inference import evaluate_run

    folder, dataset = digits
    split = dataset.test if part == "test" else dataset.validation
    logits = by_hand(folder, split)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(split)), split.labels]
    found = evaluate_run(folder, part)
    assert found.loss.value == pytest.approx(losses.mean(), rel=1e-4)
    assert found.accuracy.value == (logits.argmax(axis=1) == split.labels).mean()
    assert found.examples == len(split)


def test_only_test_figures_go_into_the_record(digits):
    from dnsearch.inference import evaluate_run

    folder, _ = digits
    before = replace(folder.read(), test=None)
    folder.write(before)
    validation = evaluate_run(folder, "validation")
    assert folder.read() == before
    assert validation.accuracy.value == before.last.accuracy
    assert validation.loss.value == pytest.approx(before.last.loss, rel=1e-5)
    found = evaluate_run(folder, "test")
    test = Metrics(found.loss.value, found.accuracy.value, found.examples)
    assert folder.read() == replace(before, test=test)
    assert not folder.is_locked()


def test_a_run_in_training_gets_no_test_figures_but_may_be_validated(digits):
    from dnsearch.inference import evaluate_run

    folder, _ = digits
    before = folder.record.read_bytes()
    with folder.locked():
        evaluate_run(folder, "validation")
        with pytest.raises(RunError, match="is being trained by process"):
            evaluate_run(folder, "test")
    assert folder.record.read_bytes() == before


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    """300 of scikit-learn's digits as PNGs that a person can see: 0 is black, 255 white; and their labels."""
    root, bunch = tmp_path_factory.mktemp("drawings"), load_digits()
    paths = []
    for number, pixels in enumerate(bunch.images[:300]):
        paths.append(root / f"{number:03d}.png")
        Image.fromarray(np.round(pixels * 255 / 16).astype(np.uint8)).save(paths[-1])
    return paths, bunch.target[:300]


def test_most_digits_are_recognised(digits, drawings):
    """More images than go into one batch."""
    from dnsearch.inference import predict_images

    paths, labels = drawings
    predictions = predict_images(digits[0], paths, top=1)
    assert [prediction.image for prediction in predictions] == [*map(str, paths)]
    found = [int(next(iter(prediction.classes))) for prediction in predictions]
    assert np.mean(found == labels) > 0.85


def test_probabilities_fall_and_sum_to_1(digits, drawings):
    from dnsearch.inference import predict_images

    for prediction in predict_images(digits[0], drawings[0][:20], top=10):
        shares = list(prediction.classes.values())
        assert sum(shares) == pytest.approx(1, abs=1e-12)
        assert shares == sorted(shares, reverse=True)
        assert sorted(prediction.classes) == [*"0123456789"]


def test_probabilities_are_the_softmax_of_the_logits(digits, drawings, tmp_path):
    from dnsearch.data.images import Split
    from dnsearch.inference import predict_images

    pixels = load_digits().images[:9, :, :, np.newaxis].astype(np.float32)
    logits = by_hand(digits[0], Split(pixels, np.zeros(9, np.int32)))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for prediction, row in zip(predict_images(digits[0], drawings[0][:9], top=10), expected, strict=True):
        found = [prediction.classes[name] for name in "0123456789"]
        np.testing.assert_allclose(found, row, atol=0.03)  # a PNG has 256 greys, a digit 17


def test_top_limits_the_classes(digits, drawings):
    from dnsearch.inference import predict_images

    paths = drawings[0][:2]
    every = predict_images(digits[0], paths, top=99)
    assert [len(prediction.classes) for prediction in every] == [10, 10]
    for three, whole in zip(predict_images(digits[0], paths, top=3), every, strict=True):
        assert [*three.classes] == [*whole.classes][:3]
    assert predict_images(digits[0], [], top=3) == []


def test_an_image_s_answer_does_not_depend_on_its_neighbours(digits, drawings):
    from dnsearch.inference import predict_images

    paths = drawings[0][:5]
    together = predict_images(digits[0], paths, top=10)
    for path, prediction in zip(paths, together, strict=True):
        (alone,) = predict_images(digits[0], [path], top=10)
        assert alone.classes == pytest.approx(prediction.classes, rel=1e-4)


def test_other_sizes_and_colours_are_brought_to_the_run_s(digits, drawings, tmp_path):
    from dnsearch.inference import predict_images

    grey = Image.open(drawings[0][0])
    grey.resize((64, 64), Image.Resampling.NEAREST).convert("RGBA").save(tmp_path / "large.png")
    (large,) = predict_images(digits[0], [tmp_path / "large.png"], top=1)
    assert [*large.classes] == ["0"]


def test_a_wrong_image(digits, drawings, tmp_path):
    from dnsearch.inference import predict_images

    (tmp_path / "notes.png").write_text("no picture", encoding="utf-8")
    for name, found in (("notes.png", "another format"), ("nowhere.png", "No such file")):
        with pytest.raises(DataError) as caught:
            predict_images(digits[0], [drawings[0][0], tmp_path / name], top=1)
        assert str(caught.value).startswith(f"{tmp_path / name}\n  expected a PNG or JPEG image, found ")
        assert found in str(caught.value)


def test_a_run_without_weights(tensorflow_ready, tmp_path):
    from dnsearch.inference import evaluate_run, predict_images

    folder = RunFolder.create(tmp_path, "digits")
    trained(DIGITS, folder, lambda event: Stop("interrupted", "at once"))
    expected = f"{folder.path}\n  expected weights.npz, found no epoch that has ended"
    for ask in (lambda: evaluate_run(folder, "test"), lambda: predict_images(folder, [], 1)):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(caught.value) == expected


def test_a_folder_s_own_images_are_recognised(colours):
    """Pixels of a file stay as they are where the run's images are files too."""
    from dnsearch.data.pictures import read_image
    from dnsearch.inference import predict_images
    from dnsearch.inference import trained as restored

    folder, images = colours
    network, path = restored(folder), images / "red" / "0.png"
    pixels = read_image(path, (6, 4, 3), "stretch")
    logits = np.asarray(network.logits(network.scaling.apply(pixels[np.newaxis])), np.float64)[0]
    (prediction,) = predict_images(folder, [path], top=2)
    expected = np.exp(logits) / np.exp(logits).sum()
    assert prediction.classes == pytest.approx(dict(zip(("green", "red"), expected, strict=True)))


def test_images_are_fitted_as_the_run_s_own_were(tensorflow_ready, tmp_path):
    """The middle of a wide red and green image is green: so says crop, and stretch would not."""
    from dnsearch.data.pictures import read_image
    from dnsearch.inference import predict_images
    from dnsearch.inference import trained as restored

    images = colour_images(tmp_path)
    folder = RunFolder.create(tmp_path, "cropped")
    trained(COLOURS.replace("PATH", f"{images}, resize: crop"), folder)
    pixels = np.full((6, 40, 3), (200, 0, 0), np.uint8)
    pixels[:, 18:22] = (0, 200, 0)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    network = restored(folder)
    likely = {}
    for resize in ("crop", "stretch"):
        scaled = network.scaling.apply(read_image(tmp_path / "wide.png", (6, 4, 3), resize))
        logits = np.asarray(network.logits(scaled[np.newaxis]), np.float64)[0]
        likely[resize] = dict(zip(("green", "red"), np.exp(logits) / np.exp(logits).sum(), strict=True))
    (prediction,) = predict_images(folder, [tmp_path / "wide.png"], top=2)
    assert prediction.classes == pytest.approx(likely["crop"])
    assert prediction.classes != pytest.approx(likely["stretch"])


def test_files_that_are_streamed_give_the_same_run(colours, tmp_path, monkeypatch):
    from dnsearch.data import images as module
    from dnsearch.inference import evaluate_run

    held, images = colours
    monkeypatch.setattr(module, "MEMORY_SHARE", 0)
    streamed = RunFolder.create(tmp_path, "streamed")
    trained(COLOURS.replace("PATH", str(images)), streamed)
    for name in np.load(held.weights).files:
        np.testing.assert_array_equal(np.load(streamed.weights)[name], np.load(held.weights)[name])
    again, before = (evaluate_run(folder, "validation") for folder in (streamed, held))
    assert (again.loss, again.confusion.tolist()) == (before.loss, before.confusion.tolist())
    for path in images.glob("*/*"):
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match="found another format"):
        evaluate_run(streamed, "validation")


def test_a_file_that_goes_during_a_training_fails_the_run(tensorflow_ready, tmp_path, monkeypatch):
    from dnsearch.data import images as module

    monkeypatch.setattr(module, "MEMORY_SHARE", 0)
    images = colour_images(tmp_path)
    folder = RunFolder.create(tmp_path, "failing")

    def remove(event):
        for path in images.glob("*/*"):
            path.unlink()

    with pytest.raises(DataError, match=r"expected a PNG or JPEG image, found .* No such file"):
        trained(COLOURS.replace("PATH", str(images)).replace("epochs: 1", "epochs: 3"), folder, remove)
    record = folder.read()
    assert record.state == "failed"
    assert record.reason.startswith(str(images))


def test_no_test_images(colours):
    from dnsearch.inference import evaluate_run

    folder, images = colours
    with pytest.raises(DataError) as caught:
        evaluate_run(folder, "test")
    assert str(caught.value) == (
        f"{images}\n  expected test images, found none in this source\n  Try --split validation."
    )
    assert evaluate_run(folder, "validation").examples == 4


def test_data_that_has_changed_since(colours):
    from dnsearch.inference import evaluate_run

    folder, images = colours
    (images / "blue").mkdir()
    for number in range(3):
        Image.new("RGB", (4, 6), (0, 0, 200)).save(images / "blue" / f"{number}.png")
    with pytest.raises(DataError) as caught:
        evaluate_run(folder, "validation")
    assert str(caught.value) == (
        f"{images}\n"
        "  expected the images of the run: [6, 4, 3], 2 classes (green, red), "
        "found [6, 4, 3], 3 classes (blue, green, red)\n"
        "  The data has changed since; bring back what it was, or train again."
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda saved: saved.pop("image_shape"), "'image_shape'"),
        (lambda saved: saved.update(image_shape=[6, 4]), "not enough values to unpack"),
        (lambda saved: saved.update(scaling=[1]), "'list' object has no attribute 'get'"),
        (lambda saved: saved.update(scaling={"offset": [0.0], "scale": [0.0]}), "no scale of 0"),
        (
            lambda saved: saved.update(scaling={"offset": [0.0], "scale": [1.0]}),
            "a scaling of 1 channels for images of 3",
        ),
    ],
)
def test_a_damaged_preprocessing_file(colours, change, said):
    from dnsearch.inference import predict_images

    folder, images = colours
    saved = json.loads(folder.preprocessing.read_bytes())
    change(saved)
    folder.preprocessing.write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(RunError) as caught:
        predict_images(folder, [images / "red" / "0.png"], top=1)
    expected = f"{folder.preprocessing}\n  expected the run's scaling, image shape and class names, found "
    assert str(caught.value).startswith(expected)
    assert said in str(caught.value)


def test_a_missing_or_garbled_preprocessing_file(digits, drawings, tmp_path):
    from dnsearch.inference import predict_images

    folder = RunFolder(tmp_path)
    for entry in digits[0].path.iterdir():
        (tmp_path / entry.name).write_bytes(entry.read_bytes())
    for spoil in (lambda: folder.preprocessing.write_bytes(b"{"), folder.preprocessing.unlink):
        spoil()
        with pytest.raises(RunError, match="expected the run's scaling, image shape and class names"):
            predict_images(folder, drawings[0][:1], top=1)


def test_test_time_augmentation_is_told_but_never_recorded(digits):
    from dnsearch.inference import evaluate_run

    folder, dataset = digits
    before = folder.record.read_bytes()
    with folder.locked():  # nothing is written, so a training may go on
        mirrored = evaluate_run(folder, "test", "flip")
    assert folder.record.read_bytes() == before
    images = dataset.test.images
    both = [by_hand(folder, replace(dataset.test, images=each)) for each in (images, images[:, :, ::-1])]
    odds = [np.exp(logits - logits.max(axis=1, keepdims=True)) for logits in both]
    forecast = np.mean([each / each.sum(axis=1, keepdims=True) for each in odds], axis=0)
    assert mirrored.accuracy.value == (forecast.argmax(axis=1) == dataset.test.labels).mean()
    assert mirrored.loss.value == pytest.approx(
        -np.log(forecast[np.arange(len(dataset.test)), dataset.test.labels]).mean(), rel=1e-4
    )
