"""The story of one run: from a spec to a trained network and everything that it leaves behind."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dnsearch import runtime
from dnsearch.data.batches import epoch_order, evaluation_batches, training_batches, training_steps
from dnsearch.data.images import Dataset
from dnsearch.data.load import load
from dnsearch.errors import DnsearchError, Problem, RunError
from dnsearch.model.build import build
from dnsearch.plan.cost import cost
from dnsearch.plan.family import plan_network
from dnsearch.records.atomic import replacing
from dnsearch.records.opening import opening
from dnsearch.records.record import EpochRecord, Origin, Parameters, RunRecord, StepEnded, Stop, with_epoch
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import Document, resolved_yaml
from dnsearch.spec.experiment import Experiment
from dnsearch.train.checkpoint import load_checkpoint, load_fitting_weights, save_checkpoint, save_weights
from dnsearch.train.loop import Feed, train
from dnsearch.train.seeds import start_afresh
from dnsearch.train.steps import Trainer, build_trainer

Watch = Callable[[StepEnded | EpochRecord], Stop | None]
"""Is told of every step and every epoch; may ask the run to stop."""


def run(document: Document, folder: RunFolder, watch: Watch, origin: Origin | None = None) -> RunRecord:
    """Train a spec's network in a run folder, or go on where the folder's checkpoint stands.

    Args:
        document: the spec.
        folder: a new run folder, or one that an interrupted run left.
        watch: is told of every step and every epoch.
        origin: the trial that the run is, if it belongs to a study.

    Raises:
        DnsearchError: the data cannot be read, the network does not fit it, or training cannot go on. The
            folder's record says the same, if there is one by then.
    """
    began = time.perf_counter()
    experiment, training = document.experiment, document.experiment.training
    with folder.locked():
        _refuse_imported(folder)
        dataset = load(experiment.data)
        plan = plan_network(experiment.network, dataset.image_shape, len(dataset.class_names))
        costs = cost(plan)
        parameters = Parameters(costs.trainable, costs.other)
        record = _in_this_process(opening(folder.name, experiment, parameters, costs.macs, origin))
        if not folder.spec.exists():
            folder.write_spec(document.text, resolved_yaml(experiment))
        folder.write_preprocessing(dataset.scaling.as_json(), dataset.image_shape, dataset.class_names)
        try:
            start_afresh(training.seed)
            trainer = build_trainer(build(plan, experiment.name), training)
            record, history = _continued(record, trainer, folder)
            if training.start_from is not None and not history:
                _start_from(Path(training.start_from), trainer, folder)
            folder.write(record)
            spent, stop = record.wall_seconds, None
            for event in train(trainer, _feed(experiment, dataset), training, history):
                seconds = spent + time.perf_counter() - began
                if isinstance(event, EpochRecord):
                    record = with_epoch(record, event, seconds, runtime.peak_memory_bytes())
                    _keep(folder, trainer, event, record)
                elif record.first_step_seconds is None:
                    record = replace(record, first_step_seconds=seconds)
                if stop := watch(event):
                    break
        except (DnsearchError, MemoryError) as error:
            folder.write(replace(record, state="failed", reason=str(error) or "memory is used up"))
            raise
        record = (
            replace(record, state=stop.state, reason=stop.reason)
            if stop
            else replace(record, state="finished")
        )
        folder.write(record)
        return record


def _in_this_process(record: RunRecord) -> RunRecord:
    return replace(
        record,
        versions=runtime.versions(),
        hardware=runtime.hardware(),
        process=runtime.process_identity(),
    )


def _continued(record: RunRecord, trainer: Trainer, folder: RunFolder) -> tuple[RunRecord, list[EpochRecord]]:
    """The record and the epochs that lie behind; the trainer is put where the checkpoint stands."""
    if not folder.checkpoint.exists():
        folder.truncate_epochs(after=0)
        return record, []
    earlier = folder.read()
    if earlier.fingerprint != record.fingerprint:
        expected = "expected the settings that the run was started with, but its spec has changed"
        raise RunError(str(Problem(str(folder.path), expected, hint="Start a new run with dnsearch train.")))
    folder.truncate_epochs(after=load_checkpoint(trainer, str(folder.checkpoint)))
    history = folder.epochs()
    kept = replace(record, started_at=earlier.started_at, first_step_seconds=earlier.first_step_seconds)
    for epoch in history:
        kept = with_epoch(kept, epoch, earlier.wall_seconds, earlier.peak_memory_bytes or 0)
    return kept, history


def _start_from(source: Path, trainer: Trainer, folder: RunFolder) -> None:
    """Take over another run's weights, and keep which layers they do not fit."""
    afresh = load_fitting_weights(trainer.model, str(RunFolder.open(source).weights))
    folder.write_start(str(source), afresh)


def _refuse_imported(folder: RunFolder) -> None:
    """Keep a training from replacing imported weights: only they are there before a first epoch."""
    if folder.weights.exists() and not folder.epochs_file.exists():
        hint = f"Fine-tune them in a run of their own: set training.start_from to {folder.path}"
        raise RunError(str(Problem(str(folder.path), "a run that was trained", "imported weights", hint)))


def _feed(experiment: Experiment, dataset: Dataset) -> Feed:
    """The batches of each epoch; an epoch's order depends on the seed and its number alone."""
    training, split = experiment.training, dataset.training
    return Feed(
        training=lambda epoch: training_batches(
            split, dataset.scaling, training.batch_size, epoch_order(len(split), training.seed, epoch)
        ),
        validation=evaluation_batches(dataset.validation, dataset.scaling, training.batch_size),
        steps=training_steps(len(split), training.batch_size),
    )


def _keep(folder: RunFolder, trainer: Trainer, epoch: EpochRecord, record: RunRecord) -> None:
    """Save an epoch. Its line comes before its checkpoint: a resume drops lines without a checkpoint."""
    folder.append(epoch)
    with replacing(folder.checkpoint) as file:
        save_checkpoint(trainer, epoch.epoch, file)
    with replacing(folder.weights) as file:
        save_weights(trainer.model, file)
    folder.write(record)
