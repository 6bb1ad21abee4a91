"""A progressive stage: epochs in a row whose images have one size, and what trains them.

Most trainings have one stage. With smaller images in ``training.progressive`` there are several, and going
from one to the next is a resume: a network is built for the new size and filled from the checkpoint. The
shapes of a DenseNet's weights do not depend on the size of its images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

from dnsearch import environment
from dnsearch.data.augment import augmenter
from dnsearch.data.batches import FEWEST, epoch_images, evaluation_batches, training_batches
from dnsearch.data.dataset import Dataset
from dnsearch.data.split import ranked
from dnsearch.model.build import build
from dnsearch.plan.graph import NetworkPlan
from dnsearch.plan.limits import recomputes
from dnsearch.plan.network import plan_network
from dnsearch.runs.record import Notice
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.training import Training, epochs_by_size, share_at
from dnsearch.train.devices import memory_errors_explained, training_devices, unmet
from dnsearch.train.loop import Feed
from dnsearch.train.losses import class_weights
from dnsearch.train.state import dropout_rate, freeze, start_afresh
from dnsearch.train.step import Trainer, build_trainer
from dnsearch.train.step_inputs import compiled_for, step_inputs

MOST_KEPT = 5_000_000  # parameters of all trainers that a process keeps; it always keeps the last one


def choose_resources(
    plan: NetworkPlan, experiment: Experiment, dataset: Dataset, tell: Callable[[Notice], object]
) -> tuple[tuple[str, ...], bool]:
    """TensorFlow's names of the GPUs to train on, and whether the backward pass computes features again.

    ``plan`` is of whole images, which take the most memory.
    """
    training, free = experiment.training, environment.free_memory_bytes()
    devices = training_devices(training, len(dataset.training))
    recompute = recomputes(experiment, plan, free)
    if missing := unmet(training, devices):
        tell(Notice(missing))
    if recompute and training.memory == "auto":
        tell(Notice(f"training.memory: recompute; plain would not fit into the {free:,} bytes free"))
    return devices, recompute


def build_stage(
    plan: NetworkPlan,
    experiment: Experiment,
    dataset: Dataset,
    behind: int,
    devices: Sequence[str],
    recompute: bool,
) -> tuple[Trainer, Feed]:
    """Build what trains the epoch that comes next and those like it, and their batches.

    ``plan`` and ``dataset`` are of whole images. After ``behind`` epochs, which may be all, the trainer does
    not know what was learned in them.
    """
    training, weights = experiment.training, None
    stages = epochs_by_size(training.progressive, training.epochs)
    epochs, size = next(each for each in stages if min(behind + 1, training.epochs) in each[0])
    names = dataset.class_names
    if training.class_weights is not None:
        weights = class_weights(training.class_weights, names, dataset.training.counts(len(names)))
    if size is not None:
        if training.augmentation is not None:  # it counts in pixels
            share = min(new / old for new, old in zip(size, dataset.image_shape[:2], strict=True))
            training = training.model_copy(update={"augmentation": training.augmentation.shrunk(share)})
        dataset = dataset.at(size)
        plan = plan_network(experiment.network, dataset.image_shape, len(names))
    start_afresh(training.seed)
    with memory_errors_explained("while the network was built"):
        model = build(plan, experiment.name, recompute, training.precision)
        freeze(model, {node.name for node in plan.nodes if node.part in training.freeze})
        trainer = _trainer((plan, recompute), model, training, weights, tuple(devices))
    return trainer, _feed(training, dataset, len(devices), epochs)


@dataclass(frozen=True, slots=True)
class Kept:
    """A trainer whose steps are compiled, and what they were compiled for."""

    key: tuple[object, ...]
    trainer: Trainer


_kept: list[Kept] = []  # the one that was used last at the end


def _trainer(
    network: tuple[NetworkPlan, bool],
    model: keras.Model,
    training: Training,
    weights: tuple[float, ...] | None,
    devices: tuple[str, ...],
) -> Trainer:
    """A trainer of a new model: one that this process has compiled for such a network before, or a new one.

    Runs that differ in seed, split, learning rate, schedule, length or in what the step takes as an input
    share it; with the new model's weights and nothing learned it trains as a new one does, bit by bit.
    """
    plan, recompute = network
    inputs = step_inputs(training, weights, dropout_rate(model))
    key = (*compiled_for(plan, training, inputs), recompute, devices)
    found = next((each for each in _kept if each.key == key), None)
    if found is None:
        found = Kept(key, build_trainer(model, training, weights, devices))
    else:
        _kept.remove(found)
        found.trainer.start_anew(model, inputs)
    _kept.append(found)
    while len(_kept) > 1 and sum(each.trainer.model.count_params() for each in _kept) > MOST_KEPT:
        del _kept[0]
    return found.trainer


def _feed(training: Training, dataset: Dataset, replicas: int, epochs: range) -> Feed:
    """The batches of each epoch; its order and its augmentation depend on the seed and its number alone."""
    split, seed = dataset.training, training.seed
    fewest = FEWEST * max(1, replicas)
    augment, ranking = augmenter(dataset, training), ranked(split, seed)
    return Feed(
        training=lambda epoch: training_batches(
            split,
            dataset.scaling,
            training.batch_size,
            epoch_images(ranking, share_at(training.progressive, epoch), seed, epoch, fewest),
            augment(epoch) if augment else None,
            fewest,
        ),
        validation=evaluation_batches(dataset.validation, dataset.scaling, training.batch_size),
        epochs=epochs,
    )
