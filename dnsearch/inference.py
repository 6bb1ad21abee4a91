"""What a trained run can be asked: how good it is on images it has not seen, and what an image shows."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from dnsearch.assess.assessment import Assessment, assess
from dnsearch.assess.scores import softmax
from dnsearch.data.batches import evaluation_batches, explained
from dnsearch.data.digits import LARGEST_PIXEL
from dnsearch.data.files import Files
from dnsearch.data.images import Images, Scaling, Split
from dnsearch.data.load import load
from dnsearch.errors import DataError, Problem, RunError
from dnsearch.model.build import build
from dnsearch.plan.family import plan_network
from dnsearch.plan.graph import NetworkPlan
from dnsearch.records.record import Metrics
from dnsearch.records.store import RunFolder
from dnsearch.spec.data import Data
from dnsearch.spec.document import load as load_spec
from dnsearch.spec.experiment import Experiment
from dnsearch.train.checkpoint import load_weights
from dnsearch.train.steps import Logits, evaluator
from dnsearch.train.views import Views, averaged

BATCH_SIZE = 256

Part = Literal["test", "validation"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What an image shows.

    Args:
        image: the file.
        classes: class name → probability, the likeliest first.
    """

    image: str
    classes: dict[str, float]


@dataclass(frozen=True)
class Trained:
    """A run's network and what it needs to know about images."""

    experiment: Experiment
    plan: NetworkPlan
    model: keras.Model
    logits: Logits
    scaling: Scaling
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]


def trained(folder: RunFolder) -> Trained:
    """Rebuild a run's network from its spec and fill it with its weights.

    Raises:
        RunError: the run has no weights, or a file of it is damaged.
    """
    if not folder.weights.exists():
        raise RunError(str(Problem(str(folder.path), "weights.npz", "no epoch that has ended")))
    experiment = load_spec(str(folder.resolved)).experiment
    scaling, image_shape, class_names = _preprocessing(folder)
    plan = plan_network(experiment.network, image_shape, len(class_names))
    model = build(plan, experiment.name)
    load_weights(model, str(folder.weights))
    return Trained(experiment, plan, model, evaluator(model), scaling, image_shape, class_names)


def _preprocessing(folder: RunFolder) -> tuple[Scaling, tuple[int, int, int], tuple[str, ...]]:
    try:
        saved = json.loads(folder.preprocessing.read_bytes())
        height, width, channels = map(int, saved["image_shape"])
        scaling = Scaling.from_json(saved["scaling"])
        if len(scaling.offset) != channels:
            raise ValueError(f"a scaling of {len(scaling.offset)} channels for images of {channels}")
        return scaling, (height, width, channels), tuple(map(str, saved["class_names"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DataError) as error:
        expected = "the run's scaling, image shape and class names"
        raise RunError(str(Problem(str(folder.preprocessing), expected, str(error)))) from error


def evaluate_run(folder: RunFolder, part: Part, views: Views | None = None) -> Assessment:
    """How good a run is on the test or the validation images; test figures go into the run's record.

    Args:
        folder: a run with weights.
        part: which images.
        views: test-time augmentation. Its figures are no test figures like others', and go nowhere.

    Raises:
        RunError: the run has no weights, or (for test) a process is training it.
        DataError: there are no test images, or the data is no longer what the run was trained on.
    """
    # A trainer would overwrite the record that is changed here, or this would overwrite the trainer's.
    recorded = part == "test" and views is None
    with folder.locked() if recorded else contextlib.nullcontext():
        network = trained(folder)
        if views is not None:
            network = replace(network, logits=averaged(network.logits, views))
        images = images_of(network, part)
        found = assess(_logits(network, images), images.labels, network.class_names)
        if recorded:
            metrics = Metrics(found.loss.value, found.accuracy.value, found.examples)
            folder.write(replace(folder.read(), test=metrics))
        return found


def _logits(network: Trained, images: Split) -> NDArray[np.float64]:
    """(images, classes)."""
    batches = explained(evaluation_batches(images, network.scaling, BATCH_SIZE))
    return np.concatenate([np.asarray(network.logits(pixels), np.float64) for pixels, _ in batches])


def images_of(network: Trained, part: Part) -> Split:
    """The test or the validation images of the run that a network is of.

    Raises:
        DataError: there are no test images, or the data is no longer what the run was trained on.
    """
    data = network.experiment.data
    where = data.location or data.source
    dataset = load(data)
    if (dataset.image_shape, dataset.class_names) != (network.image_shape, network.class_names):
        expected = f"the images of the run: {_described(network.image_shape, network.class_names)}"
        found = _described(dataset.image_shape, dataset.class_names)
        hint = "The data has changed since; bring back what it was, or train again."
        raise DataError(str(Problem(where, expected, found, hint)))
    split = dataset.test if part == "test" else dataset.validation
    if split is None:
        raise DataError(str(Problem(where, "test images", "none in this source", "Try --split validation.")))
    return split


def _described(image_shape: tuple[int, int, int], class_names: tuple[str, ...]) -> str:
    names = ", ".join(class_names)
    return f"{list(image_shape)}, {len(class_names)} classes ({names:.60})"


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
    data = network.experiment.data
    pixels = Files(tuple(map(str, images)), network.image_shape, data.resize).read()
    scaled = network.scaling.apply(_in_range_of(data, pixels))
    return softmax(np.asarray(network.logits(scaled), np.float64))


def _in_range_of(data: Data, pixels: NDArray[np.uint8]) -> Images:
    """Pixels of files, from 0 to 255, as the run's own images have them; scikit-learn's digits end at 16."""
    return pixels * np.float32(LARGEST_PIXEL / 255) if data.source == "digits" else pixels
