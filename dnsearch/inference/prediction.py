"""What an image shows, by a network that answers with one class for each image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dnsearch.assess.scores import softmax
from dnsearch.data.digits import LARGEST_PIXEL
from dnsearch.data.images import Images
from dnsearch.inference.trained import BATCH_SIZE, Trained, trained
from dnsearch.records.store import RunFolder
from dnsearch.spec.data import Data


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
    """Pixels of files, from 0 to 255, as the run's own images have them; scikit-learn's digits end at 16."""
    return pixels * np.float32(LARGEST_PIXEL / 255) if data.source == "digits" else pixels
