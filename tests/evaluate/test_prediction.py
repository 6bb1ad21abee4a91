"""What a trained run says that images show."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from dnsearch.errors import DataError
from dnsearch.runs.folder import RunFolder

pytestmark = pytest.mark.xdist_group("inference")  # the runs are made once


def test_most_digits_are_recognised(digits, drawings):
    """More images than go into one batch."""
    from dnsearch.evaluate.predict import predict_images

    paths, labels = drawings
    predictions = predict_images(digits[0], paths, top=1)
    assert [prediction.image for prediction in predictions] == [*map(str, paths)]
    found = [int(next(iter(prediction.classes))) for prediction in predictions]
    assert np.mean(found == labels) > 0.85


def test_probabilities_fall_and_sum_to_1(digits, drawings):
    from dnsearch.evaluate.predict import predict_images

    for prediction in predict_images(digits[0], drawings[0][:20], top=10):
        shares = list(prediction.classes.values())
        assert sum(shares) == pytest.approx(1, abs=1e-12)
        assert shares == sorted(shares, reverse=True)
        assert sorted(prediction.classes) == [*"0123456789"]


def test_probabilities_are_the_softmax_of_the_logits(digits, drawings, by_hand):
    from dnsearch.data.dataset import Split
    from dnsearch.evaluate.predict import predict_images

    pixels = load_digits().images[:9, :, :, np.newaxis].astype(np.float32)
    logits = by_hand(digits[0], Split(pixels, np.zeros(9, np.int32)))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for prediction, row in zip(predict_images(digits[0], drawings[0][:9], top=10), expected, strict=True):
        found = [prediction.classes[name] for name in "0123456789"]
        np.testing.assert_allclose(found, row, atol=0.03)  # a PNG has 256 greys, a digit 17


def test_top_limits_the_classes(digits, drawings):
    from dnsearch.evaluate.predict import predict_images

    paths = drawings[0][:2]
    every = predict_images(digits[0], paths, top=99)
    assert [len(prediction.classes) for prediction in every] == [10, 10]
    for three, whole in zip(predict_images(digits[0], paths, top=3), every, strict=True):
        assert [*three.classes] == [*whole.classes][:3]
    assert predict_images(digits[0], [], top=3) == []


def test_an_image_s_answer_does_not_depend_on_its_neighbours(digits, drawings):
    from dnsearch.evaluate.predict import predict_images

    paths = drawings[0][:5]
    together = predict_images(digits[0], paths, top=10)
    for path, prediction in zip(paths, together, strict=True):
        (alone,) = predict_images(digits[0], [path], top=10)
        assert alone.classes == pytest.approx(prediction.classes, rel=1e-4)


def test_other_sizes_and_colours_are_brought_to_the_run_s(digits, drawings, tmp_path):
    from dnsearch.evaluate.predict import predict_images

    grey = Image.open(drawings[0][0])
    grey.resize((64, 64), Image.Resampling.NEAREST).convert("RGBA").save(tmp_path / "large.png")
    (large,) = predict_images(digits[0], [tmp_path / "large.png"], top=1)
    assert [*large.classes] == ["0"]


def test_a_wrong_image(digits, drawings, tmp_path):
    from dnsearch.evaluate.predict import predict_images

    (tmp_path / "notes.png").write_text("no picture", encoding="utf-8")
    for name, found in (("notes.png", "another format"), ("nowhere.png", "No such file")):
        with pytest.raises(DataError) as caught:
            predict_images(digits[0], [drawings[0][0], tmp_path / name], top=1)
        assert str(caught.value).startswith(f"{tmp_path / name}\n  expected a PNG or JPEG image, found ")
        assert found in str(caught.value)


def test_a_folder_s_own_images_are_recognised(colours):
    """Pixels of a file stay as they are where the run's images are files too."""
    from dnsearch.data.image_files import read_image
    from dnsearch.evaluate.predict import predict_images
    from dnsearch.evaluate.trained_run import trained

    folder, images = colours
    network, path = trained(folder), images / "red" / "0.png"
    pixels = read_image(path, (6, 4, 3), "stretch")
    logits = np.asarray(network.logits(network.scaling.apply(pixels[np.newaxis])), np.float64)[0]
    (prediction,) = predict_images(folder, [path], top=2)
    expected = np.exp(logits) / np.exp(logits).sum()
    assert prediction.classes == pytest.approx(dict(zip(("green", "red"), expected, strict=True)))


def test_images_are_fitted_as_the_run_s_own_were(train_colours, colour_images, tmp_path):
    """The middle of a wide red and green image is green: so says crop, and stretch would not."""
    from dnsearch.data.image_files import read_image
    from dnsearch.evaluate.predict import predict_images
    from dnsearch.evaluate.trained_run import trained

    folder = RunFolder.create(tmp_path, "cropped")
    train_colours(colour_images, folder, ("image_shape", "resize: crop, image_shape"))
    pixels = np.full((6, 40, 3), (200, 0, 0), np.uint8)
    pixels[:, 18:22] = (0, 200, 0)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    network = trained(folder)
    likely = {}
    for resize in ("crop", "stretch"):
        scaled = network.scaling.apply(read_image(tmp_path / "wide.png", (6, 4, 3), resize))
        logits = np.asarray(network.logits(scaled[np.newaxis]), np.float64)[0]
        likely[resize] = dict(zip(("green", "red"), np.exp(logits) / np.exp(logits).sum(), strict=True))
    (prediction,) = predict_images(folder, [tmp_path / "wide.png"], top=2)
    assert prediction.classes == pytest.approx(likely["crop"])
    assert prediction.classes != pytest.approx(likely["stretch"])
