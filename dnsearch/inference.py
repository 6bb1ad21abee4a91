"""What a trained run can be asked: how good it is on images it has not seen, and what an image shows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from dnsearch.data.batches import evaluation_batches
from dnsearch.data.folder import read_image
from dnsearch.data.images import Scaling
from dnsearch.data.load import load
from dnsearch.errors import DataError, Problem, RunError
from dnsearch.model.build import build
from dnsearch.plan.family import plan_network
from dnsearch.records.record import Metrics
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import load as load_spec
from dnsearch.spec.experiment import Experiment
from dnsearch.train.checkpoint import load_weights
from dnsearch.train.steps import Logits, evaluate, evaluator

BATCH_SIZE = 256


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
    model = build(plan_network(experiment.network, image_shape, len(class_names)), experiment.name)
    load_weights(model, str(folder.weights))
    return Trained(experiment, evaluator(model), scaling, image_shape, class_names)


def _preprocessing(folder: RunFolder) -> tuple[Scaling, tuple[int, int, int], tuple[str, ...]]:
    try:
        saved = json.loads(folder.preprocessing.read_bytes())
        height, width, channels = map(int, saved["image_shape"])
        return Scaling.from_json(saved["scaling"]), (height, width, channels), tuple(saved["class_names"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder.preprocessing}\n  expected the run's scaling, image shape and class names: {error}"
        ) from None


def evaluate_run(folder: RunFolder, part: Literal["test", "validation"]) -> Metrics:
    """Loss and accuracy on the test or the validation images; test figures go into the run's record.

    Raises:
        RunError: the run has no weights.
        DataError: there are no test images.
    """
    network = trained(folder)
    dataset = load(network.experiment.data)
    split = dataset.test if part == "test" else dataset.validation
    if split is None:
        where = network.experiment.data.location or network.experiment.data.source
        raise DataError(str(Problem(where, "test images", "none in this source", "Try --split validation.")))
    metrics = evaluate(network.logits, evaluation_batches(split, network.scaling, BATCH_SIZE))
    if part == "test":
        folder.write(replace(folder.read(), test=metrics))
    return metrics


def predict_images(folder: RunFolder, images: Sequence[Path], top: int) -> list[Prediction]:
    """The likeliest classes of image files.

    Args:
        folder: a run with weights.
        images: PNG or JPEG files; they are brought to the run's image shape.
        top: how many classes to tell.

    Raises:
        RunError: the run has no weights.
        DataError: a file is missing or is no image.
    """
    network = trained(folder)
    pixels = np.stack([read_image(image, network.image_shape) for image in images])
    logits = np.asarray(network.logits(network.scaling.apply(pixels)))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    likelihoods = odds / odds.sum(axis=1, keepdims=True)
    return [
        Prediction(
            str(image), {network.class_names[i]: float(row[i]) for i in np.argsort(-row, kind="stable")[:top]}
        )
        for image, row in zip(images, likelihoods, strict=True)
    ]
