"""dnsearch's side: its networks built, trained, fed, asked and saved as a run does it, with a clock."""

import itertools
import tempfile
import time
from pathlib import Path

from dnsearch import environment

environment.prepare_tensorflow()  # before anything imports TensorFlow, as every command does

import numpy as np
import psutil
import tensorflow as tf

from dnsearch.data.augment import augmenter
from dnsearch.data.batches import epoch_order, evaluation_batches, training_batches
from dnsearch.data.dataset import Dataset, Scaling, Split
from dnsearch.data.sources import load
from dnsearch.model.build import build
from dnsearch.plan.network import plan_network
from dnsearch.runs.atomic import replacing
from dnsearch.spec import document
from dnsearch.train.checkpoint import save_checkpoint
from dnsearch.train.loop import Feed, train
from dnsearch.train.state import start_afresh
from dnsearch.train.step import build_trainer, evaluate, evaluator

CLASSES = 10
COLOUR = (32, 32, 3)


def machine():
    """What all this is measured on."""
    return {"machine": environment.hardware(), "versions": environment.versions()}


def training(spec, overrides, steps, recompute=False):
    """A network built and trained for some steps by the epoch loop, on one batch.

    The peak is that of the process, less what it had before the network was built.
    """
    environment.prepare_training(deterministic=False)
    section = document.load(spec, overrides).experiment.training
    pixels, classes = _pixels(section.batch_size)
    before, began = psutil.Process().memory_info().rss, time.perf_counter()
    trainer = _trainer(spec, overrides, COLOUR, recompute)
    batch = tf.constant(pixels / np.float32(255)), tf.constant(classes)
    feed = Feed(lambda epoch: [batch] * steps, ())
    events = itertools.islice(train(trainer, feed, section), steps)
    ends = [time.perf_counter() for _ in events]
    step_seconds = float(np.median(np.diff(ends)))
    return {
        "first_step_seconds": ends[0] - began,
        "images_per_second": section.batch_size / step_seconds,
        "step_seconds": step_seconds,
        "peak_bytes": environment.peak_memory_bytes() - before,
    }


def feeding(spec, overrides, examples, epochs):
    """Whole epochs of steps on one batch and whole epochs fed as a run feeds them, in turn.

    Args:
        spec: its digits are read; images in colour are made up.
        overrides: changes to the spec.
        examples: images of an epoch, a multiple of the batch.
        epochs: of each kind, after one that traces.
    """
    environment.prepare_training(deterministic=False)
    experiment = document.load(spec, overrides).experiment
    section, dataset = experiment.training, _dataset(experiment.data, examples)
    trainer, augment = _trainer(spec, overrides, dataset.image_shape), augmenter(dataset, section)

    def fed(epoch):
        order, varied = epoch_order(examples, section.seed, epoch), augment(epoch)
        return training_batches(dataset.training, dataset.scaling, section.batch_size, order, varied)

    batch, steps = next(iter(fed(1))), examples // section.batch_size
    constant, varied = [], []
    for epoch in range(1, epochs + 2):
        constant.append(_epoch_seconds(trainer, lambda _: itertools.repeat(batch, steps), epoch))
        varied.append(_epoch_seconds(trainer, fed, epoch))
    return {"constant_seconds": float(np.median(constant[1:])), "fed_seconds": float(np.median(varied[1:]))}


def inference(spec, overrides, batches, passes):
    """Passes of ``evaluate`` over some images, after one that traces."""
    batch_size = document.load(spec, overrides).experiment.training.batch_size
    dataset = _colours(batch_size * batches)
    logits_of = evaluator(_trainer(spec, overrides, COLOUR).model)
    held_out = evaluation_batches(dataset.training, dataset.scaling, batch_size)
    seconds = []
    for _ in range(passes + 1):
        began = time.perf_counter()
        evaluate(logits_of, held_out)
        seconds.append(time.perf_counter() - began)
    return {"images_per_second": batch_size * batches / float(np.median(seconds[1:]))}


def checkpoint(spec, overrides, saves):
    """Checkpoints saved one over the other, down to the disk."""
    trainer, seconds = _trainer(spec, overrides, COLOUR), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.npz"
        for _ in range(saves):
            began = time.perf_counter()
            with replacing(path) as file:
                save_checkpoint(trainer, b"", file)
            seconds.append(time.perf_counter() - began)
    return {"save_seconds": float(np.median(seconds))}


def _trainer(spec, overrides, image_shape, recompute=False):
    experiment = document.load(spec, overrides).experiment
    start_afresh(experiment.training.seed)
    plan = plan_network(experiment.network, image_shape, CLASSES)
    return build_trainer(build(plan, recompute=recompute), experiment.training)


def _epoch_seconds(trainer, batches, epoch):
    """An epoch from the making of its batches on."""
    began = time.perf_counter()
    for images, labels in batches(epoch):
        loss, hits = trainer.train(images, labels, 0.01)
        float(loss), int(hits)  # as the epoch loop waits for them
    return time.perf_counter() - began


def _pixels(examples):
    rng = np.random.default_rng(0)
    return (
        rng.integers(0, 256, (examples, *COLOUR), np.uint8),
        rng.integers(0, CLASSES, examples, np.int32),
    )


def _colours(examples):
    split = Split(*_pixels(examples))
    return Dataset(split, split, None, tuple(map(str, range(CLASSES))), Scaling((0.0,) * 3, (255.0,) * 3))


def _dataset(data, examples):
    if data.source != "digits":
        return _colours(examples)
    return load(data.model_copy(update={"training_examples": examples}))
