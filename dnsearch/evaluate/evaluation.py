"""How good a trained run is on its test or its validation images."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.batches import evaluation_batches
from dnsearch.data.dataset import Split
from dnsearch.errors import Problem, RunError
from dnsearch.evaluate.metrics import Assessment, Labels, assess
from dnsearch.evaluate.segmentation import Segmentation, assess_masks
from dnsearch.evaluate.trained_run import BATCH_SIZE, Part, Trained, Views, averaged, images_of, trained
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Metrics


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
    batches = evaluation_batches(images, network.scaling, _batch_size(network))
    return (
        (np.asarray(network.logits(pixels), np.float64), np.asarray(labels)) for pixels, labels in batches
    )


def _batch_size(network: Trained) -> int:
    """A mask takes as much room as hundreds of images' answers; a training step had room for its batch."""
    training = network.experiment.training
    return min(BATCH_SIZE, training.batch_size) if network.paints_masks else BATCH_SIZE
