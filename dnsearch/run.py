"""The story of one run: from a spec to a trained network and everything that it leaves behind."""

import contextlib
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
    explained,
    training_batches,
    training_steps,
)
from dnsearch.data.facts import check_task, facts
from dnsearch.data.images import Dataset
from dnsearch.data.load import load
from dnsearch.errors import DnsearchError, Problem, RunError
from dnsearch.model.build import build
from dnsearch.plan.cost import Cost, cost
from dnsearch.plan.family import plan_network
from dnsearch.plan.graph import NetworkPlan
from dnsearch.records.atomic import replacing, writing
from dnsearch.records.conversion import from_lines, to_lines
from dnsearch.records.opening import opening
from dnsearch.records.record import (
    EpochRecord,
    Notice,
    Origin,
    Parameters,
    RunRecord,
    StepEnded,
    Stop,
    with_epoch,
)
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import Document, resolved_yaml
from dnsearch.spec.experiment import Experiment
from dnsearch.train import memory
from dnsearch.train.checkpoint import load_checkpoint, load_fitting_weights, save_checkpoint, save_weights
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
        _refuse_imported(folder)
        folder.remove_leftovers()
        images = facts(experiment.data)
        check_task(experiment, images)
        plan = plan_network(experiment.network, images.image_shape, images.classes)
        record = _begun(folder, experiment, cost(plan), origin)
        spent = record.wall_seconds
        if not folder.resolved.exists():  # the later of the two
            folder.write_spec(document.text, resolved_yaml(experiment))
        folder.write(record)
        try:
            if training.deterministic:
                runtime.make_deterministic()
            start_afresh(training.seed)
            with memory.explained("while the images were read"):
                dataset = load(experiment.data)
            folder.write_preprocessing(dataset.scaling.as_json(), dataset.image_shape, dataset.class_names)
            devices, saving = _means(plan, experiment, dataset, watch)
            with memory.explained("while the network was built"):
                trainer = _trainer(plan, experiment, dataset, devices, saving=saving)
            history = _restored(trainer, folder, watch)
            record = replace(_caught_up(record, history), memory="saving" if saving else "plain")
            folder.write(record)
            if training.start_from is not None and not history:
                _start_from(Path(training.start_from), trainer, folder)
            stop = None
            feed = _feed(experiment, dataset, len(devices))
            for event in explained(train(trainer, feed, training, history)):
                seconds = time.perf_counter() - began
                if isinstance(event, EpochRecord):
                    history.append(event)
                    ahead = replace(record, test=None)  # those were the figures of earlier weights
                    ahead = with_epoch(ahead, event, spent + seconds, runtime.peak_memory_bytes())
                    _keep(folder, trainer, history, ahead)
                    record = ahead
                elif record.first_step_seconds is None:
                    record = replace(record, first_step_seconds=seconds)
                if stop := watch(event):
                    break
        except Exception as error:
            _keep_failure(folder, replace(record, wall_seconds=spent + time.perf_counter() - began), error)
            raise
        record = replace(
            record,
            state=stop.state if stop else "finished",
            reason=stop.reason if stop else "",
            wall_seconds=spent + time.perf_counter() - began,
        )
        folder.write(record)
        return record


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


def _begun(folder: RunFolder, experiment: Experiment, costs: Cost, origin: Origin | None) -> RunRecord:
    """The record of a run that starts or goes on now, in this process.

    Raises:
        RunError: the folder is a run of other settings.
    """
    parameters = Parameters(costs.trainable, costs.other)
    record = opening(folder.name, experiment, parameters, costs.macs, origin)
    if folder.record.exists():
        earlier = folder.read()
        if earlier.fingerprint != record.fingerprint:
            expected = "expected the settings that the run was started with, but its spec has changed"
            hint = "Start a new run with dnsearch train."
            raise RunError(str(Problem(str(folder.path), expected, hint=hint)))
        record = replace(earlier, state="running", reason="")
    return replace(
        record,
        versions=runtime.versions(),
        hardware=runtime.hardware(),
        process=runtime.process_identity(),
    )


def _restored(trainer: Trainer, folder: RunFolder, watch: Watch) -> list[EpochRecord]:
    """The epochs behind; trainer, epochs and weights are put where the newest good checkpoint stands.

    Raises:
        RunError: no checkpoint is good, or there is none although epochs have ended.
    """
    damage: list[RunError] = []
    for path in (folder.checkpoint, folder.previous_checkpoint):
        if not path.exists():
            continue
        try:
            history = from_lines(load_checkpoint(trainer, str(path)), str(path))
        except RunError as error:
            damage.append(error)
            continue
        if damage:
            watch(_set_aside(folder, damage[0], len(history)))
        folder.write_epochs(history)
        _keep_weights(folder, trainer)
        return history
    if damage or folder.epochs():
        raise _no_checkpoint(folder, damage)
    return []


def _set_aside(folder: RunFolder, damage: RunError, epoch: int) -> Notice:
    """Move the damaged checkpoint away, or the next save would put it in the place of the good one."""
    kept = folder.damaged_checkpoint
    with writing(kept):
        folder.checkpoint.replace(kept)
    going_on = f"the run goes on from {folder.previous_checkpoint.name}, after epoch {epoch}"
    return Notice(f"{damage}\n  It is kept as {kept.name}; {going_on}.")


def _no_checkpoint(folder: RunFolder, damage: list[RunError]) -> RunError:
    found = "" if damage else f"none after {len(folder.epochs())} epochs"
    expected = "a good checkpoint to go on from" if found else "there is no good checkpoint to go on from"
    hint = f"Nothing was deleted. Start it anew with: dnsearch train {folder.resolved}"
    problem = Problem(str(folder.path), expected, found, hint)
    return RunError("\n\n".join(map(str, [*damage, problem])))


def _caught_up(record: RunRecord, history: list[EpochRecord]) -> RunRecord:
    """The record with the figures of the epochs behind; they differ where a process died while it saved."""
    if record.epochs != len(history):
        record = replace(record, epochs=0, last=None, best=None, best_epoch=None, test=None)
        for epoch in history:
            record = with_epoch(record, epoch, record.wall_seconds, record.peak_memory_bytes or 0)
    return record


def _start_from(source: Path, trainer: Trainer, folder: RunFolder) -> None:
    """Take over another run's weights, and keep which layers they do not fit."""
    afresh = load_fitting_weights(trainer.model, str(RunFolder.open(source).weights))
    trainer.take_over()
    folder.write_start(str(source), afresh)


def _refuse_imported(folder: RunFolder) -> None:
    """Keep a training from replacing imported weights: only they are there before a first epoch."""
    if folder.weights.exists() and not folder.epochs_file.exists():
        hint = f"Fine-tune them in a run of their own: set training.start_from to {folder.path}"
        raise RunError(str(Problem(str(folder.path), "a run that was trained", "imported weights", hint)))


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


def _keep(folder: RunFolder, trainer: Trainer, history: list[EpochRecord], record: RunRecord) -> None:
    """Save an epoch.

    The process may die between any two of these. A resume starts from the checkpoint and makes the others of
    it; so it comes first.
    """
    with memory.explained(f"while epoch {len(history)} was saved"):
        with folder.replacing_checkpoint() as file:
            save_checkpoint(trainer, to_lines(history), file)
        folder.append(history[-1])
        _keep_weights(folder, trainer)
        folder.write(record)


def _keep_weights(folder: RunFolder, trainer: Trainer) -> None:
    with replacing(folder.weights) as file:
        save_weights(trainer.model, file)


def _keep_failure(folder: RunFolder, record: RunRecord, error: Exception) -> None:
    """Write down why a run failed, if that can be written: the error itself may be that nothing can be."""
    reason = str(error) if isinstance(error, DnsearchError) else f"{type(error).__name__}: {error}"
    with contextlib.suppress(RunError):
        folder.write(replace(record, state="failed", reason=reason))
