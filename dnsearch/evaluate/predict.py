"""What images show, and how long a network takes to say it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dnsearch.data.masks import MOST_CLASSES, image_png, mask_png, overlaid, visible
from dnsearch.errors import Problem, RunError
from dnsearch.evaluate.metrics import softmax
from dnsearch.evaluate.trained_run import BATCH_SIZE, Trained, trained
from dnsearch.runs.atomic import atomic_write, check_new, writing
from dnsearch.runs.folder import RunFolder
from dnsearch.spec.data_section import SOURCES


@dataclass(frozen=True, slots=True)
class Prediction:
    """The file of an image, and class name → probability, the likeliest first."""

    image: str
    classes: dict[str, float]


def predict_images(folder: RunFolder, images: Sequence[Path], top: int) -> list[Prediction]:
    """The ``top`` likeliest classes of each PNG or JPEG file, which is brought to the run's image shape."""
    network, predictions = trained(folder), []
    largest = SOURCES[network.experiment.data.source].largest_pixel
    for start in range(0, len(images), BATCH_SIZE):
        batch = images[start : start + BATCH_SIZE]
        pixels = network.read(batch)
        shown = pixels if largest == 255 else pixels * np.float32(largest / 255)
        logits = np.asarray(network.logits(network.scaling.apply(shown)), np.float64)
        for image, row in zip(batch, softmax(logits), strict=True):
            likeliest = np.argsort(-row, kind="stable")[:top]
            classes = {network.class_names[i]: float(row[i]) for i in likeliest}
            predictions.append(Prediction(str(image), classes))
    return predictions


@dataclass(frozen=True, slots=True)
class MaskPrediction:
    """The file of an image, its mask and overlay, and class name → share of the pixels, the largest first.

    The mask is a PNG of class numbers; the overlay is the image, as the network saw it, under its mask.
    """

    image: str
    mask: str
    overlay: str
    classes: dict[str, float]


def predict_masks(
    folder: RunFolder, images: Sequence[Path], out: Path | None, *, force: bool
) -> list[MaskPrediction]:
    """Write ``NAME.mask.png`` and ``NAME.overlay.png`` for each image file.

    Args:
        folder: a U-Net's run with weights.
        images: PNG or JPEG files; they are brought to the run's image shape, and masks have that shape.
        out: the folder to write into, which is made; None: beside each image.
        force: overwrite files that exist.

    Raises:
        SpecError: one of the files exists.
        RunError: two images would share a mask, a mask cannot be written, or there are more classes than a
            PNG's palette has colours.
    """
    stems = [str((out or image.parent) / image.stem) for image in images]
    if twice := [stem for stem in stems if stems.count(stem) > 1]:
        expected, hint = "one mask for each image", "Rename an image, or predict them one after another."
        raise RunError(str(Problem(f"{twice[0]}.mask.png", expected, "two images of this name", hint)))
    files = [(Path(f"{stem}.mask.png"), Path(f"{stem}.overlay.png")) for stem in stems]
    check_new((file for pair in files for file in pair), force=force)
    network = trained(folder)
    if len(network.class_names) > MOST_CLASSES:
        expected = f"at most {MOST_CLASSES} classes, as many as a PNG's palette has colours"
        raise RunError(str(Problem("predict", expected, f"{len(network.class_names)}")))
    if out is not None:
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
    return [_predict_mask(network, image, *pair) for image, pair in zip(images, files, strict=True)]


def _predict_mask(network: Trained, image: Path, mask_file: Path, overlay: Path) -> MaskPrediction:
    pixels = network.read([image])
    mask = np.asarray(network.logits(network.scaling.apply(pixels)))[0].argmax(axis=-1)
    names, classes = network.class_names, len(network.class_names)
    atomic_write(mask_file, mask_png(mask, classes))
    atomic_write(overlay, image_png(overlaid(visible(pixels[0], (0, 255)), mask, classes)))
    shares = np.bincount(mask.ravel(), minlength=classes) / mask.size
    shown = {names[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable") if shares[i]}
    return MaskPrediction(str(image), str(mask_file), str(overlay), shown)


def latency_seconds(folder: RunFolder) -> float:
    """Median seconds of a prediction for one image, by this process with the threads that it has."""
    network = trained(folder)
    image = np.zeros((1, *network.image_shape), np.float32)
    seconds = []
    for _ in range(33):
        began = time.perf_counter()
        np.asarray(network.logits(image))
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[3:]))  # the first predictions trace the network
