"""A stretch of a training: epochs in a row whose images have one size, and what trains them.

Most trainings are one stretch. With smaller images in ``training.progressive`` there are several, and going
from one to the next is a resume: a network is built for the new size and filled from the checkpoint. The
shapes of a DenseNet's weights do not depend on how large its images are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from dnsearch.spec.training import Size, Training, share_at, stretches
from dnsearch.train import out_of_memory
from dnsearch.train.devices import training_devices, unmet
from dnsearch.train.loop import Feed
from dnsearch.train.losses import class_weights
from dnsearch.train.setup import freeze, start_afresh
from dnsearch.train.step import Trainer, build_trainer


@dataclass(frozen=True, slots=True)
class Means:
    """What a training has of its machine, in all stretches.

    Args:
        devices: TensorFlow's names of the graphics cards; none: the processor.
        recompute: whether the backward pass computes features again, for less memory.
    """

    devices: Sequence[str]
    recompute: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """What trains some epochs in a row.

    Args:
        trainer: the network for their images, and what trains it; it knows nothing of earlier epochs.
        feed: their batches.
    """

    trainer: Trainer
    feed: Feed


def means(
    plan: NetworkPlan, experiment: Experiment, dataset: Dataset, tell: Callable[[Notice], object]
) -> Means:
    """The graphics cards to train on and whether to save memory; told where the spec does not say it.

    Args:
        plan: the network for whole images, which takes the most.
        experiment: the spec.
        dataset: the images.
        tell: is told of what the machine has not.
    """
    training, free = experiment.training, environment.free_memory_bytes()
    devices = training_devices(training, len(dataset.training))
    recompute = recomputes(experiment, plan, free)
    if missing := unmet(training, devices):
        tell(Notice(missing))
    if recompute and training.memory == "auto":
        tell(Notice(f"training.memory: recompute; plain would not fit into the {free:,} bytes free"))
    return Means(devices, recompute)


def stretch(
    plan: NetworkPlan, experiment: Experiment, dataset: Dataset, found: Means, behind: int
) -> Stretch:
    """Build what trains the epoch that comes next and those like it.

    Args:
        plan: the network for whole images.
        experiment: the spec.
        dataset: the images.
        found: what there is to train on.
        behind: number of epochs that are behind; of all of them, the last stretch is built.
    """
    training = experiment.training
    epochs, size = _around(training, behind + 1)
    if size is not None:
        training, dataset = _smaller(training, dataset, size)
        plan = plan_network(experiment.network, dataset.image_shape, len(dataset.class_names))
    start_afresh(training.seed)
    with out_of_memory.explained("while the network was built"):
        trainer = _trainer(plan, experiment, dataset, found)
    return Stretch(trainer, _feed(training, dataset, len(found.devices), epochs))


def _around(training: Training, epoch: int) -> tuple[range, Size | None]:
    """The epochs like the one given, or like the last one, and the size of their images."""
    found = stretches(training.progressive, training.epochs)
    return next(each for each in found if min(epoch, training.epochs) in each[0])


def _smaller(training: Training, dataset: Dataset, size: Size) -> tuple[Training, Dataset]:
    """The images averaged down, and what is told in their pixels."""
    if training.augmentation is not None:
        share = min(new / old for new, old in zip(size, dataset.image_shape[:2], strict=True))
        training = training.model_copy(update={"augmentation": training.augmentation.shrunk(share)})
    return training, dataset.at(size)


def _trainer(plan: NetworkPlan, experiment: Experiment, dataset: Dataset, found: Means) -> Trainer:
    """The network, its frozen parts out of the training, and what trains it."""
    training, weights = experiment.training, None
    model = build(plan, experiment.name, found.recompute, training.precision)
    freeze(model, {node.name for node in plan.nodes if node.part in training.freeze})
    if training.class_weights is not None:
        names = dataset.class_names
        weights = class_weights(training.class_weights, names, dataset.training.counts(len(names)))
    return build_trainer(model, training, weights, found.devices)


def _feed(training: Training, dataset: Dataset, cards: int, epochs: range) -> Feed:
    """The batches of each epoch; its order and its augmentation depend on the seed and its number alone."""
    split, seed = dataset.training, training.seed
    fewest = FEWEST * max(1, cards)
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
