"""A run's network, opened from its folder, and how good it is on test or validation images.

What it needs to know about images (shape, scaling, class names) is the run's own, so that a new image is seen
as the training images were.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dnsearch import input_files
from dnsearch.data.batches import evaluation_batches
from dnsearch.data.data_checks import images_shape
from dnsearch.data.dataset import Scaling, Split
from dnsearch.data.image_files import Files
from dnsearch.data.sources import load
from dnsearch.errors import DataError, Problem, RunError
from dnsearch.evaluate.metrics import Assessment, assess, ranks
from dnsearch.evaluate.segmentation import Segmentation, assess_masks
from dnsearch.model.build import build
from dnsearch.plan.graph import NetworkPlan
from dnsearch.plan.network import plan_network
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.hits import Hits, read_hits, write_hits
from dnsearch.runs.lock import locked
from dnsearch.runs.record import Metrics
from dnsearch.spec.document import load as load_spec
from dnsearch.spec.experiment import Experiment
from dnsearch.train.checkpoint import load_weights
from dnsearch.train.step import Logits, evaluator

BATCH_SIZE = 256

Part = Literal["test", "validation"]
Views = Literal["flip", "shifts", "flip,shifts"]
Tensor = Any


@dataclass(frozen=True)
class Trained:
    """A run's network and what it needs to know about images.

    Args:
        logits: scaled images (batch, height, width, channels) → logits (batch, classes); a U-Net's are
            (batch, height, width, classes).
        class_names: in the order of the logits.
    """

    experiment: Experiment
    plan: NetworkPlan
    model: keras.Model
    logits: Logits
    scaling: Scaling
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]

    @property
    def per_pixel(self) -> bool:
        """Whether it gives every pixel a class."""
        return len(self.plan.nodes[-1].shape) == 3

    def read(self, files: Sequence[Path]) -> NDArray[np.uint8]:
        """PNG or JPEG files in the run's image shape: (files, height, width, channels), from 0 to 255."""
        return Files(tuple(map(str, files)), self.image_shape, self.experiment.data.resize).read()


def trained(folder: RunFolder) -> Trained:
    """Rebuild a run's network from its spec and fill it with its weights.

    Raises:
        RunError: the run has no weights, or a file of it is damaged.
    """
    if not folder.weights.exists():
        found, hint = "no finished epoch", ""
        if folder.read().epochs:
            found = "no file: of a study's trials only the best keep their weights (tune.keep)"
            hint = f"Train it again: dnsearch train {folder.resolved}"
        raise RunError(str(Problem(str(folder.path), "weights.npz", found, hint)))
    experiment = load_spec(str(folder.resolved)).experiment
    scaling, image_shape, class_names = _preprocessing(folder)
    plan = plan_network(experiment.network, image_shape, len(class_names))
    model = build(plan, experiment.name)
    load_weights(model, folder.weights)
    return Trained(experiment, plan, model, evaluator(model), scaling, image_shape, class_names)


def _preprocessing(folder: RunFolder) -> tuple[Scaling, tuple[int, int, int], tuple[str, ...]]:
    try:
        saved = input_files.json_value(folder.preprocessing)
        height, width, channels = map(int, saved["image_shape"])
        images_shape((1, height, width, channels), np.dtype(np.uint8), folder.preprocessing)
        scaling = Scaling.from_json(saved["scaling"])
        if len(scaling.offset) != channels:
            raise ValueError(f"a scaling of {len(scaling.offset)} channels for images of {channels}")
        if not (names := tuple(map(str, saved["class_names"]))):
            raise ValueError("no class names")
        return scaling, (height, width, channels), names
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, DataError) as error:
        expected = "the run's scaling, image shape and class names"
        raise RunError(str(Problem(str(folder.preprocessing), expected, str(error)))) from error


def images_of(network: Trained, part: Part) -> Split:
    """The test or validation images of a run; a DataError where there are none, or others than it had."""
    data = network.experiment.data
    where, dataset = data.location or data.source, load(data)
    of_run, now = (network.image_shape, network.class_names), (dataset.image_shape, dataset.class_names)
    if of_run != now:
        expected, found = (
            f"{list(shape)}, {len(names)} classes ({', '.join(names):.60})" for shape, names in (of_run, now)
        )
        hint = "The data has changed since; restore it, or train again."
        raise DataError(str(Problem(where, f"the images of the run: {expected}", found, hint)))
    split = dataset.test if part == "test" else dataset.validation
    if split is None:
        raise DataError(str(Problem(where, "test images", "none in this source", "Try --split validation.")))
    return split


def averaged(logits_of: Logits, views: Views) -> Logits:
    """Logits whose softmax is the mean of the views' probabilities, as AlexNet's (Krizhevsky et al., 2012).

    With the mean of probabilities, not logits, the cross-entropy is at most the mean of the views' (Jensen).

    Args:
        logits_of: ``images (batch, height, width, channels) → logits (batch, classes)``; of a U-Net (batch,
            height, width, classes), which are mirrored back and may not be shifted.
        views: flip adds the image mirrored left to right; shifts adds it moved by a sixteenth of the side up,
            down, left and right, with zeros (the mean colour) coming in; flip,shifts mirrors these, too.
    """

    def logits(images: Tensor) -> Tensor:
        images = tf.convert_to_tensor(images)
        shown = [images, *_shifted(images)] if "shifts" in views else [images]
        seen = [tf.nn.log_softmax(logits_of(view)) for view in shown]
        if "flip" in views:
            mirrored = [tf.nn.log_softmax(logits_of(view[:, :, ::-1])) for view in shown]
            seen += [each[:, :, ::-1] if each.shape.rank == 4 else each for each in mirrored]
        return tf.reduce_logsumexp(tf.stack(seen), axis=0) - tf.math.log(float(len(seen)))

    return logits


def _shifted(images: Tensor) -> list[Tensor]:
    # 2 of 32 pixels, half of what the paper's crops move an image by; at least one.
    height, width = images.shape[1:3]
    down, right = max(1, round(height / 16)), max(1, round(width / 16))
    padded = tf.pad(images, [[0, 0], [down, down], [right, right], [0, 0]])
    corners = [(0, right), (2 * down, right), (down, 0), (down, 2 * right)]
    return [padded[:, top : top + height, left : left + width] for top, left in corners]


def evaluate_run(folder: RunFolder, part: Part, views: Views | None = None) -> Assessment | Segmentation:
    """How good a run is on the test or the validation images; test figures are written into its record.

    Figures with test-time augmentation (``views``) cannot be compared with other runs' and are not written.
    """
    # A trainer would overwrite the record that is changed here, or this would overwrite the trainer's.
    recorded = part == "test" and views is None
    with locked(folder.lock) if recorded else contextlib.nullcontext():
        network = trained(folder)
        if views is not None:
            if network.per_pixel and "shifts" in views:
                hint = "A mirrored mask can be mirrored back; a shifted one loses its edge."
                raise RunError(str(Problem("--tta", "flip for a U-Net", views, hint)))
            network = replace(network, logits=averaged(network.logits, views))
        images = images_of(network, part)
        found, right = _assessed(network, images)
        if recorded:
            if right is not None:
                hits = Hits(np.packbits(right).tobytes(), len(right), images.checksum)
                write_hits(folder.hits, read_hits(folder.hits) | {"test": hits})
            test = Metrics(found.loss.value, found.accuracy.value, found.examples)
            if isinstance(found, Segmentation):
                test = replace(test, examples=found.pixels, mean_iou=found.mean_iou.value)
            folder.write(replace(folder.read(), test=test))
        return found


def _assessed(network: Trained, images: Split) -> tuple[Assessment | Segmentation, NDArray[np.bool_] | None]:
    """Also which images were right; None of masks."""
    # A mask takes as much memory as hundreds of images' logits; a training step had room for its batch.
    size = min(BATCH_SIZE, network.experiment.training.batch_size) if network.per_pixel else BATCH_SIZE
    answers = (
        (np.asarray(network.logits(pixels), np.float64), np.asarray(labels))
        for pixels, labels in evaluation_batches(images, network.scaling, size)
    )
    if network.per_pixel:
        return assess_masks(answers, network.class_names), None
    logits = np.concatenate([logits for logits, _ in answers])
    return assess(logits, images.labels, network.class_names), ranks(logits, images.labels) == 0
