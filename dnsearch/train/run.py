"""The story of one run: from a spec to a trained network and everything that it leaves behind."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from dnsearch import environment
from dnsearch.data.dataset import Dataset
from dnsearch.data.sources import load
from dnsearch.data.split import repetitions
from dnsearch.plan.limits import Planned
from dnsearch.runs.atomic import remove_leftovers
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.lock import locked
from dnsearch.runs.record import EpochRecord, Notice, Origin, RunRecord, StepEnded, Stop, with_epoch
from dnsearch.spec.document import resolved_yaml
from dnsearch.spec.experiment import Experiment
from dnsearch.train import checkpoint
from dnsearch.train.devices import memory_errors_explained
from dnsearch.train.loop import is_over, train
from dnsearch.train.progressive import build_stage, choose_resources
from dnsearch.train.validation_hits import ValidationHits

Watch = Callable[[StepEnded | EpochRecord | Notice], Stop | None]
"""Called with every step, epoch and notice; may ask the run to stop."""


def run(planned: Planned, folder: RunFolder, watch: Watch, origin: Origin | None = None) -> RunRecord:
    """Train a spec's network in a run folder, or resume from the folder's checkpoint.

    ``watch`` is also told what the spec asks for and this machine lacks, and of a damaged checkpoint that was
    skipped; ``origin`` is the trial that the run is. Errors after the start are raised and recorded.
    """
    began, select = time.perf_counter(), planned.experiment.tune.select if planned.experiment.tune else "last"
    plan, experiment, training = planned.plan, planned.experiment, planned.experiment.training
    with locked(folder.lock):
        checkpoint.refuse_imported(folder)
        remove_leftovers(folder.path)
        record = checkpoint.begun(folder, experiment, planned.summary.cost, origin)
        spent = record.wall_seconds
        if not folder.resolved.exists():  # the later of the two
            folder.write_spec(planned.document.text, resolved_yaml(experiment))
        if record.parts is not None:  # memory was used up with batches in as many parts as the spec asks for
            training = training.model_copy(update={"accumulate": record.parts})
            experiment = experiment.model_copy(update={"training": training})
        folder.write(record)
        try:
            environment.prepare_training(deterministic=training.deterministic)
            dataset = _images(experiment, watch)
            folder.write_preprocessing(dataset.scaling.as_json(), dataset.image_shape, dataset.class_names)
            devices, recompute = choose_resources(plan, experiment, dataset, watch)
            record = replace(record, memory="recompute" if recompute else "plain")
            behind, over, stop, hits = record.epochs, False, None, ValidationHits(dataset.validation)
            while not (stop or over):
                trainer, feed = build_stage(plan, experiment, dataset, behind, devices, recompute)
                history = checkpoint.restored(trainer, folder, watch, select)
                record = checkpoint.caught_up(record, history)
                folder.write(record)
                if training.start_from is not None and not history:
                    checkpoint.start_from(Path(training.start_from), trainer, folder)
                for event in train(trainer, feed, training, history, hits.judged):
                    seconds = time.perf_counter() - began
                    if isinstance(event, EpochRecord):
                        history.append(event)
                        ahead = replace(record, test=None)  # those were the figures of earlier weights
                        ahead = with_epoch(ahead, event, spent + seconds, environment.peak_memory_bytes())
                        checkpoint.save_epoch(folder, trainer, history, ahead, select)
                        hits.epoch_ended(record := ahead)
                    elif record.first_step_seconds is None:
                        record = replace(record, first_step_seconds=seconds)
                    if stop := watch(event):
                        break
                behind, over = len(history), is_over(training, history)
            if not stop:
                rebuild = partial(build_stage, plan, experiment, dataset, behind, devices, recompute)
                hits.save(folder, record, rebuild, select)
        except Exception as error:
            seconds = time.perf_counter() - began
            checkpoint.save_failure(folder, replace(record, wall_seconds=spent + seconds), error)
            raise
        record = replace(
            record,
            state=stop.state if stop else "finished",
            reason=stop.reason if stop else "",
            wall_seconds=spent + time.perf_counter() - began,
        )
        folder.write(record)
        return record


def _images(experiment: Experiment, watch: Watch) -> Dataset:
    with memory_errors_explained("while the images were read"):
        dataset = load(experiment.data)
    if words := repetitions(dataset):
        watch(Notice(words))
    return dataset
