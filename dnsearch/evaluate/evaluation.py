"""How good a trained run is on its test or its validation images."""

import contextlib
from dataclasses import replace

import numpy as np

from dnsearch.data.batches import evaluation_batches
from dnsearch.data.dataset import Split
from dnsearch.errors import Problem, RunError
from dnsearch.evaluate.metrics import Assessment, assess
from dnsearch.evaluate.segmentation import Segmentation, assess_masks
from dnsearch.evaluate.trained_run import BATCH_SIZE, Part, Trained, Views, averaged, images_of, trained
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Metrics


def evaluate_run(folder: RunFolder, part: Part, views: Views | None = None) -> Assessment | Segmentation:
    """How good a run is on the test or the validation images; test figures are written into its record.

    Figures with test-time augmentation (``views``) cannot be compared with other runs' and are not written.

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
        found = _assessed(network, images_of(network, part))
        if recorded:
            folder.write(replace(folder.read(), test=_metrics(found)))
        return found


def _check_views(network: Trained, views: Views) -> None:
    if network.per_pixel and "shifts" in views:
        hint = "A mirrored mask can be mirrored back; a shifted one loses its edge."
        raise RunError(str(Problem("--tta", "flip for a U-Net", views, hint)))


def _assessed(network: Trained, images: Split) -> Assessment | Segmentation:
    # A mask takes as much memory as hundreds of images' logits; a training step had room for its batch.
    size = min(BATCH_SIZE, network.experiment.training.batch_size) if network.per_pixel else BATCH_SIZE
    answers = (
        (np.asarray(network.logits(pixels), np.float64), np.asarray(labels))
        for pixels, labels in evaluation_batches(images, network.scaling, size)
    )
    if network.per_pixel:
        return assess_masks(answers, network.class_names)
    return assess(np.concatenate([logits for logits, _ in answers]), images.labels, network.class_names)


def _metrics(found: Assessment | Segmentation) -> Metrics:
    match found:
        case Assessment():
            return Metrics(found.loss.value, found.accuracy.value, found.examples)
        case Segmentation():
            return Metrics(found.loss.value, found.accuracy.value, found.pixels, found.mean_iou.value)
