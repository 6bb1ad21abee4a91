"""The story of an import: a Keras weights file becomes a run like one that dnsearch trained."""

from dataclasses import dataclass, replace
from pathlib import Path

from dnsearch import environment
from dnsearch.data import class_folder
from dnsearch.data.dataset import Scaling
from dnsearch.data.sources import check_declared, facts
from dnsearch.errors import Problem, SpecError
from dnsearch.model.build import build
from dnsearch.model.keras_weights import import_weights
from dnsearch.plan.cost import cost
from dnsearch.plan.network import plan_network
from dnsearch.runs.atomic import replacing
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Parameters, RunRecord, opening
from dnsearch.spec.data_section import Data, Facts
from dnsearch.spec.document import Document, load, resolved_yaml, settings
from dnsearch.spec.experiment import Experiment
from dnsearch.train.checkpoint import save_weights
from dnsearch.train.state import start_afresh

IMAGENET = Scaling(
    offset=(0.485 * 255, 0.456 * 255, 0.406 * 255), scale=(0.229 * 255, 0.224 * 255, 0.225 * 255)
)
"""What ``keras.applications.densenet.preprocess_input`` does to pixels from 0 to 255."""

UNSEEN = ("activation", "pooling", "stem.stride", "stem.pooling", "batch_norm.epsilon")
"""Fields of the network that change what weights compute and not their shapes."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A run made of imported weights.

    Args:
        folder: the new run folder.
        record: its record.
        fresh: layers that the file has no weights for.
        differences: settings that change what fitting weights compute, and differ from keras.applications'.
    """

    folder: RunFolder
    record: RunRecord
    fresh: tuple[str, ...]
    differences: tuple[str, ...]


def import_run(document: Document, weights: Path, runs: Path) -> Imported:
    """Make a run of a spec's network and a file with the weights of keras.applications' DenseNet.

    Args:
        document: a spec of the same network, such as the preset densenet-121.
        weights: an ``.h5`` or ``.weights.h5`` file, with or without the classifier.
        runs: where to make the run folder.

    Raises:
        SpecError: the network does not fit the images, or they are not RGB.
        DataError: the spec does not declare its data, or the data is something else.
        RunError: the file cannot be read or is of another network, or the folder cannot be made.
    """
    experiment = document.experiment
    known = facts(experiment.data)
    _check_channels(document, known)
    plan = plan_network(experiment.network, known.image_shape, known.classes)
    costs = cost(plan)
    start_afresh(experiment.training.seed)
    model = build(plan, experiment.name)
    fresh = import_weights(model, weights)
    names = _class_names(experiment.data, known)
    folder = RunFolder.create(runs, experiment.name)
    with folder.locked():
        folder.write_spec(document.text, resolved_yaml(experiment))
        folder.write_preprocessing(IMAGENET.as_json(), known.image_shape, names)
        with replacing(folder.weights) as file:
            save_weights(model, file)
        record = opening(
            folder.name, experiment, Parameters(costs.trainable, costs.other), costs.macs, origin=None
        )
        record = replace(
            record, state="finished", reason=_reason(weights, fresh), versions=environment.versions()
        )
        folder.write(record)
    return Imported(folder, record, fresh, _differences(experiment))


def _check_channels(document: Document, known: Facts) -> None:
    channels = known.image_shape[2]
    if channels != len(IMAGENET.offset):
        expected = "3 channels: the weights of keras.applications read RGB"
        problem = Problem("data.image_shape", expected, found=f"{channels}")
        raise document.located(SpecError([problem]))


def _class_names(data: Data, known: Facts) -> tuple[str, ...]:
    """The names of the data's sub-folders, if they exist; else the numbers of the classes.

    ImageNet's sub-folders are named n01440764 and so on; sorted, they are in the order of the weights.
    """
    place = Path(data.location)
    if data.source != "folder" or not place.is_dir():
        return tuple(map(str, range(known.classes)))
    names = class_folder.class_names(place)
    check_declared(data, known.image_shape, len(names), place)
    return names


def _reason(weights: Path, fresh: tuple[str, ...]) -> str:
    without = f", which has no weights for {', '.join(fresh)}" if fresh else ""
    return f"weights imported from {weights}{without}"


def _differences(experiment: Experiment) -> tuple[str, ...]:
    ours, theirs = settings(experiment), settings(load("densenet-121").experiment)
    paths = [f"network.{field}" for field in UNSEEN]
    return tuple(
        f"{path} is {ours[path]}, in keras.applications {theirs[path]}"
        for path in paths
        if ours[path] != theirs[path]
    )
