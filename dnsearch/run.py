"""The story of one run: from a spec to a trained network and everything that it leaves behind."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dnsearch import runtime
from dnsearch.budget import saves_memory
from dnsearch.data.augmented import augmenter
from dnsearch.data.batches import (
    FEWEST,
    epoch_order,
    evaluation_batches,
    training_batches,
    training_steps,
)
from dnsearch.data.facts import check_task, facts
from dnsearch.data.images import Dataset
from dnsearch.data.load import load
from dnsearch.keeping import begun, caught_up, keep, keep_failure, refuse_imported, restored, start_from
from dnsearch.model.build import build
from dnsearch.plan.cost import cost
from dnsearch.plan.family import plan_network
from dnsearch.plan.graph import NetworkPlan
from dnsearch.records.record import (
    EpochRecord,
    Notice,
    Origin,
    RunRecord,
    StepEnded,
    Stop,
    with_epoch,
)
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import Document, resolved_yaml
from dnsearch.spec.experiment import Experiment
from dnsearch.train import memory
from dnsearch.train.devices import training_devices, unmet
from dnsearch.train.freezing import freeze
from dnsearch.train.loop import Feed, train
from dnsearch.train.seeds import start_afresh
from dnsearch.train.steps import Trainer, build_trainer
from dnsearch.train.weighting import class_weights

Watch = Callable[[StepEnded | EpochRecord | Notice], Stop | None]
"""Is told of every step and epoch, and of what a person should know; may ask the run to stop after either."""


def run(document: Document, folder: RunFolder, watch: Watch, origin: Origin | None = None) -> RunRecord:
    """Train a spec's network in a run folder, or go on where the folder's checkpoint stands.

    Args:
        document: the spec.
        folder: a new run folder, or one that an earlier sitting left.
        watch: is told of every step and every epoch, of what the spec asks for and this machine has not, and
            of a damaged checkpoint that was passed over.
        origin: the trial that the run is, if it belongs to a study.

    Raises:
        DnsearchError: the data cannot be read, the network does not fit it, the folder is another spec's or
            in use, or training cannot go on. What goes wrong after the start also goes into the record.
    """
    began = time.perf_counter()
    experiment, training = document.experiment, document.experiment.training
    with folder.locked():
        refuse_imported(folder)
        folder.remove_leftovers()
        images = facts(experiment.data)
        check_task(experiment, images)
        plan = plan_network(experiment.network, images.image_shape, images.classes)
        record = begun(folder, experiment, cost(plan), origin)
        spent = record.wall_seconds
        if not folder.resolved.exists():  # the later of the two
            folder.write_spec(document.text, resolved_yaml(experiment))
        experiment = _in_parts(experiment, record.parts)
        folder.write(record)
        try:
            runtime.prepare_training(deterministic=training.deterministic)
            start_afresh(training.seed)
            with memory.explained("while the images were read"):
                dataset = load(experiment.data)
            folder.write_preprocessing(dataset.scaling.as_json(), dataset.image_shape, dataset.class_names)
            devices, saving = _means(plan, experiment, dataset, watch)
            with memory.explained("while the network was built"):
                trainer = _trainer(plan, experiment, dataset, devices, saving=saving)
            history = restored(trainer, folder, watch)
            record = replace(caught_up(record, history), memory="saving" if saving else "plain")
            folder.write(record)
            if training.start_from is not None and not history:
                start_from(Path(training.start_from), trainer, folder)
            stop = None
            feed = _feed(experiment, dataset, len(devices))
            for event in train(trainer, feed, training, history):
                seconds = time.perf_counter() - began
                if isinstance(event, EpochRecord):
                    history.append(event)
                    ahead = replace(record, test=None)  # those were the figures of earlier weights
                    ahead = with_epoch(ahead, event, spent + seconds, runtime.peak_memory_bytes())
                    keep(folder, trainer, history, ahead)
                    record = ahead
                elif record.first_step_seconds is None:
                    record = replace(record, first_step_seconds=seconds)
                if stop := watch(event):
                    break
        except Exception as error:
            keep_failure(folder, replace(record, wall_seconds=spent + time.perf_counter() - began), error)
            raise
        record = replace(
            record,
            state=stop.state if stop else "finished",
            reason=stop.reason if stop else "",
            wall_seconds=spent + time.perf_counter() - began,
        )
        folder.write(record)
        return record


def _in_parts(experiment: Experiment, parts: int | None) -> Experiment:
    """The spec, with each batch in so many parts where memory was used up with what it asks for."""
    if parts is None:
        return experiment
    training = experiment.training.model_copy(update={"accumulate": parts})
    return experiment.model_copy(update={"training": training})


def _means(
    plan: NetworkPlan, experiment: Experiment, dataset: Dataset, watch: Watch
) -> tuple[Sequence[str], bool]:
    """The graphics cards to train on and whether to save memory; told where the spec does not say it."""
    training, free = experiment.training, runtime.free_memory_bytes()
    devices = training_devices(training, len(dataset.training))
    saving = saves_memory(experiment, plan, free)
    if missing := unmet(training, devices):
        watch(Notice(missing))
    if saving and training.memory == "auto":
        watch(Notice(f"training.memory: saving; plain would not fit into the {free:,} bytes free"))
    return devices, saving


def _trainer(
    plan: NetworkPlan, experiment: Experiment, dataset: Dataset, devices: Sequence[str], *, saving: bool
) -> Trainer:
    """The network, its frozen parts out of the training, and what trains it."""
    training, weights = experiment.training, None
    model = build(plan, experiment.name, saving, training.precision)
    freeze(model, {node.name for node in plan.nodes if node.part in training.freeze})
    if training.class_weights is not None:
        names = dataset.class_names
        weights = class_weights(training.class_weights, names, dataset.training.counts(len(names)))
    return build_trainer(model, training, weights, devices)


def _feed(experiment: Experiment, dataset: Dataset, cards: int) -> Feed:
    """The batches of each epoch; its order and its augmentation depend on the seed and its number alone."""
    training, split = experiment.training, dataset.training
    fewest = FEWEST * max(1, cards)
    augment = augmenter(dataset, training)
    return Feed(
        training=lambda epoch: training_batches(
            split,
            dataset.scaling,
            training.batch_size,
            epoch_order(len(split), training.seed, epoch),
            augment(epoch) if augment else None,
            fewest,
        ),
        validation=evaluation_batches(dataset.validation, dataset.scaling, training.batch_size),
        steps=training_steps(len(split), training.batch_size, fewest),
    )
