"""What an image shows, by a network that answers with one class for each image.

What every pixel of an image shows, by a U-Net: a mask and the image under it, as PNG files.

How long a run's network takes to answer for one image.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.dataset import Images
from dnsearch.data.mask_images import MOST_CLASSES, image_png, mask_png, overlaid, visible
from dnsearch.errors import Problem, RunError
from dnsearch.evaluate.metrics import softmax
from dnsearch.evaluate.trained_run import BATCH_SIZE, Trained, trained
from dnsearch.runs.atomic import atomic_write, writing
from dnsearch.runs.folder import RunFolder
from dnsearch.spec.data_section import SOURCES, Data


@dataclass(frozen=True, slots=True)
class Prediction:
    """What an image shows.

    Args:
        image: the file.
        classes: class name → probability, the likeliest first.
    """

    image: str
    classes: dict[str, float]


def predict_images(folder: RunFolder, images: Sequence[Path], top: int) -> list[Prediction]:
    """The likeliest classes of image files.

    Args:
        folder: a run with weights.
        images: PNG or JPEG files; they are brought to the run's image shape.
        top: how many classes to tell, at least 1.

    Raises:
        RunError: the run has no weights.
        DataError: a file is missing or is no image.
    """
    network = trained(folder)
    likelihoods = [
        likelihood
        for start in range(0, len(images), BATCH_SIZE)
        for likelihood in _likelihoods(network, images[start : start + BATCH_SIZE])
    ]
    return [
        Prediction(
            str(image), {network.class_names[i]: float(row[i]) for i in np.argsort(-row, kind="stable")[:top]}
        )
        for image, row in zip(images, likelihoods, strict=True)
    ]


def _likelihoods(network: Trained, images: Sequence[Path]) -> NDArray[np.float64]:
    """(images, classes), each row summing to 1."""
    scaled = network.scaling.apply(_in_range_of(network.experiment.data, network.read(images)))
    return softmax(np.asarray(network.logits(scaled), np.float64))


def _in_range_of(data: Data, pixels: NDArray[np.uint8]) -> Images:
    """Pixels of files, from 0 to 255, in the range of the run's images; scikit-learn's digits end at 16."""
    largest = SOURCES[data.source].largest_pixel
    return pixels if largest == 255 else pixels * np.float32(largest / 255)


@dataclass(frozen=True, slots=True)
class MaskPrediction:
    """What the pixels of an image show.

    Args:
        image: the file.
        mask: a PNG of class numbers, of the run's image size.
        overlay: a PNG of the image, as the network saw it, under its mask.
        classes: class name → share of the pixels, the largest first.
    """

    image: str
    mask: str
    overlay: str
    classes: dict[str, float]


def predict_masks(folder: RunFolder, images: Sequence[Path], out: Path | None) -> list[MaskPrediction]:
    """Write what the pixels of image files show: ``NAME.mask.png`` and ``NAME.overlay.png`` for each.

    Args:
        folder: a U-Net's run with weights.
        images: PNG or JPEG files; they are brought to the run's image shape, and masks have that size.
        out: the folder to write into, which is made; None: beside each image.

    Raises:
        RunError: the run has no weights, two images would have one mask, a mask cannot be written, or there
            are more classes than a PNG can tell apart.
        DataError: a file is missing or is no image.
    """
    network = trained(folder)
    stems = [str((out or image.parent) / image.stem) for image in images]
    _check_paintable(network, stems)
    if out is not None:
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
    return [_painted(network, image, stem) for image, stem in zip(images, stems, strict=True)]


def _check_paintable(network: Trained, stems: Sequence[str]) -> None:
    if twice := [stem for stem in stems if stems.count(stem) > 1]:
        expected, hint = "one mask for each image", "Rename an image, or predict them one after another."
        raise RunError(str(Problem(f"{twice[0]}.mask.png", expected, "two images of this name", hint)))
    if len(network.class_names) > MOST_CLASSES:
        expected = f"at most {MOST_CLASSES} classes, which a PNG's palette can tell apart"
        raise RunError(str(Problem("predict", expected, f"{len(network.class_names)}")))


def _painted(network: Trained, image: Path, stem: str) -> MaskPrediction:
    pixels = network.read([image])
    mask = np.asarray(network.logits(network.scaling.apply(pixels)))[0].argmax(axis=-1)
    names, classes = network.class_names, len(network.class_names)
    files = f"{stem}.mask.png", f"{stem}.overlay.png"
    atomic_write(Path(files[0]), mask_png(mask, classes))
    atomic_write(Path(files[1]), image_png(overlaid(visible(pixels[0], (0, 255)), mask, classes)))
    shares = np.bincount(mask.ravel(), minlength=classes) / mask.size
    shown = {names[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable") if shares[i]}
    return MaskPrediction(str(image), *files, shown)


WARM_UP, PREDICTIONS = 3, 30


def latency_seconds(folder: RunFolder) -> float:
    """Median seconds of a prediction for one image, by this process with the threads that it has.

    The first few are left out: they trace the network.

    Raises:
        RunError: the run has no weights, or a file of it is damaged.
    """
    network = trained(folder)
    image = np.zeros((1, *network.image_shape), np.float32)
    seconds = []
    for _ in range(WARM_UP + PREDICTIONS):
        began = time.perf_counter()
        np.asarray(network.logits(image))
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[WARM_UP:]))
