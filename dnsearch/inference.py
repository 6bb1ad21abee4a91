"""What a trained run can be asked: how good it is on images it has not seen, and what an image shows."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from dnsearch.assess.assessment import Assessment, assess
from dnsearch.assess.scores import Labels, softmax
from dnsearch.assess.segmentation import Segmentation, assess_masks
from dnsearch.data.batches import evaluation_batches, explained
from dnsearch.data.digits import LARGEST_PIXEL
from dnsearch.data.files import Files
from dnsearch.data.images import Images, Scaling, Split
from dnsearch.data.load import load
from dnsearch.data.painting import MOST_CLASSES, image_png, mask_png, overlaid, visible
from dnsearch.errors import DataError, Problem, RunError
from dnsearch.model.build import build
from dnsearch.plan.family import plan_network
from dnsearch.plan.graph import NetworkPlan
from dnsearch.records.atomic import atomic_write, writing
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

    @property
    def paints_masks(self) -> bool:
        """Whether it answers for every pixel."""
        return len(self.plan.nodes[-1].shape) == 3


def trained(folder: RunFolder) -> Trained:
    """Rebuild a run's network from its spec and fill it with its weights.

    Raises:
        RunError: the run has no weights, or a file of it is damaged.
    """
    if not folder.weights.exists():
        raise _no_weights(folder)
    experiment = load_spec(str(folder.resolved)).experiment
    scaling, image_shape, class_names = _preprocessing(folder)
    plan = plan_network(experiment.network, image_shape, len(class_names))
    model = build(plan, experiment.name)
    load_weights(model, str(folder.weights))
    return Trained(experiment, plan, model, evaluator(model), scaling, image_shape, class_names)


def _no_weights(folder: RunFolder) -> RunError:
    if not folder.read().epochs:
        return RunError(str(Problem(str(folder.path), "weights.npz", "no epoch that has ended")))
    found = "none: of a study's trials only the best keep their weights (tune.keep)"
    hint = f"Train it again: dnsearch train {folder.resolved}"
    return RunError(str(Problem(str(folder.path), "weights.npz", found, hint)))


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


def evaluate_run(folder: RunFolder, part: Part, views: Views | None = None) -> Assessment | Segmentation:
    """How good a run is on the test or the validation images; test figures go into the run's record.

    Args:
        folder: a run with weights.
        part: which images.
        views: test-time augmentation. Its figures are no test figures like others', and go nowhere.

    Raises:
        RunError: the run has no weights, or (for test) a process is training it; or a U-Net shall see shifted
            views.
        DataError: there are no test images, or the data is no longer what the run was trained on.
    """
    # A trainer would overwrite the record that is changed here, or this would overwrite the trainer's.
    recorded = part == "test" and views is None
    with folder.locked() if recorded else contextlib.nullcontext():
        network = trained(folder)
        if views is not None:
            _check_views(network, views)
            network = replace(network, logits=averaged(network.logits, views))
        images = images_of(network, part)
        found = _assessed(network, images)
        if recorded:
            folder.write(replace(folder.read(), test=_metrics(found)))
        return found


def _check_views(network: Trained, views: Views) -> None:
    if network.paints_masks and "shifts" in views:
        hint = "Mirrored masks can be mirrored back whole; shifted ones lose their edge."
        raise RunError(str(Problem("--tta", "flip for a U-Net", views, hint)))


def _assessed(network: Trained, images: Split) -> Assessment | Segmentation:
    answers = _answers(network, images)
    if network.paints_masks:
        return assess_masks(answers, network.class_names)
    return assess(np.concatenate([logits for logits, _ in answers]), images.labels, network.class_names)


def _metrics(found: Assessment | Segmentation) -> Metrics:
    match found:
        case Assessment():
            return Metrics(found.loss.value, found.accuracy.value, found.examples)
        case Segmentation():
            overlap = found.mean_iou.value
            return Metrics(found.loss.value, found.accuracy.value, found.pixels, overlap)


def _answers(network: Trained, images: Split) -> Iterator[tuple[NDArray[np.float64], Labels]]:
    """Logits and labels, a batch at a time: of masks all together may be too many."""
    batches = explained(evaluation_batches(images, network.scaling, _batch_size(network)))
    return (
        (np.asarray(network.logits(pixels), np.float64), np.asarray(labels)) for pixels, labels in batches
    )


def _batch_size(network: Trained) -> int:
    """A mask takes as much room as hundreds of images' answers; a training step had room for its batch."""
    training = network.experiment.training
    return min(BATCH_SIZE, training.batch_size) if network.paints_masks else BATCH_SIZE


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
    pixels = _pixels(network, [image])
    mask = np.asarray(network.logits(network.scaling.apply(pixels)))[0].argmax(axis=-1)
    names, classes = network.class_names, len(network.class_names)
    files = f"{stem}.mask.png", f"{stem}.overlay.png"
    atomic_write(Path(files[0]), mask_png(mask, classes))
    atomic_write(Path(files[1]), image_png(overlaid(visible(pixels[0], (0, 255)), mask, classes)))
    shares = np.bincount(mask.ravel(), minlength=classes) / mask.size
    shown = {names[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable") if shares[i]}
    return MaskPrediction(str(image), *files, shown)


def _likelihoods(network: Trained, images: Sequence[Path]) -> NDArray[np.float64]:
    """(images, classes), each row summing to 1."""
    scaled = network.scaling.apply(_in_range_of(network.experiment.data, _pixels(network, images)))
    return softmax(np.asarray(network.logits(scaled), np.float64))


def _pixels(network: Trained, images: Sequence[Path]) -> NDArray[np.uint8]:
    """Image files in the run's shape."""
    return Files(tuple(map(str, images)), network.image_shape, network.experiment.data.resize).read()


def _in_range_of(data: Data, pixels: NDArray[np.uint8]) -> Images:
    """Pixels of files, from 0 to 255, as the run's own images have them; scikit-learn's digits end at 16."""
    return pixels * np.float32(LARGEST_PIXEL / 255) if data.source == "digits" else pixels
