"""Trains on two logical processors in the place of graphics cards; started as a program by test_replicas.py.

``two_devices.py steps`` prints as JSON how far a step on two devices is from one on a single device;
``two_devices.py run FOLDER EPOCHS`` trains in a run folder until so many epochs have ended.
"""

import json
import sys
from pathlib import Path

import numpy as np

from dnsearch import environment
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Notice, Stop
from dnsearch.spec.document import parse
from dnsearch.spec.training import Training

DEVICES = ("CPU:0", "CPU:1")
SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1], dropout: 0.2}
data: {source: digits, training_examples: 99}
training: {epochs: 2, batch_size: 32, learning_rate: 0.05, devices: all, xla: "off", ema: 0.9}
"""
IMAGES = np.random.default_rng(0).normal(size=(11, 8, 8, 1)).astype(np.float32)  # 6 and 5
LABELS = (np.arange(11) % 10).astype(np.int32)
MUON = {"optimizer": {"name": "muon"}, "ema": {"decay": 0.9}}
XLA = {"xla": "on", "precision": "mixed_bfloat16"}


def main(task, *arguments):
    environment.prepare_tensorflow(threads=1)
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    found = steps() if task == "steps" else run(Path(arguments[0]), int(arguments[1]))
    sys.stdout.write(json.dumps(found) + "\n")


def steps():
    """What differs, by what is trained and how."""
    whole = {"label_smoothing": 0.1, "clip_norm": 1.0}
    by_two, shares = trained(DEVICES), [trained((), images=part) for part in (IMAGES[:6], IMAGES[6:])]
    mean = sum(share["statistics"] for share in shares) / 2
    dropped = trained(DEVICES, dropout=0.5)
    return {
        "without BatchNorm": apart(
            trained((), normed=False, **whole), trained(DEVICES, normed=False, **whole)
        ),
        "parts": apart(trained((), accumulate=2, **MUON), trained(DEVICES, **MUON)),
        "16 bits and XLA": apart(by_two, trained(DEVICES, **XLA)),
        "mean of the statistics": float(np.abs(by_two["statistics"] - mean).max()),
        "the same dropout": apart(dropped, trained(DEVICES, dropout=0.5)),
        "dropout by itself": apart(dropped, trained((), accumulate=2, dropout=0.5)),
        "frozen": apart(trained((), images=None, frozen=True), trained(DEVICES, frozen=True))["statistics"],
    }


def trained(devices, images=IMAGES, normed=True, dropout=0.0, frozen=False, **fields):
    """All that a trainer holds after a step; its statistics do not depend on the labels."""
    from dnsearch.train.step import build_trainer

    training = Training.model_validate({"epochs": 1, "learning_rate": 0.1, "xla": "off", **fields})
    model = network(dropout, training.precision) if normed else line()
    if frozen:
        for layer in model.layers[:-1]:
            layer.trainable = False
    trainer = build_trainer(model, training, devices=devices)
    if images is not None:
        trainer.train(images, LABELS[: len(images)], 0.1)
    return {name: np.asarray(value) for name, value in trainer.variables.items()}


def network(dropout, precision):
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.spec.network import example
    from dnsearch.train.state import start_afresh

    start_afresh(0)
    spec = example(growth_rate=4, layers_per_block=(1,), dropout=dropout)
    return build(plan_network(spec, (8, 8, 1), classes=10), precision=precision)


def line():
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(image)))


def apart(one, other):
    """The largest difference of each vector."""
    return {name: float(np.abs(one[name] - other[name]).max(initial=0.0)) for name in one}


def run(path, epochs):
    """What was said and the record's state, after a training that stops at an epoch."""
    from dnsearch.train.run import run as train

    environment.gpus = lambda: DEVICES
    said = []

    def watch(event):
        said.extend([event.text] if isinstance(event, Notice) else [])
        ended = isinstance(event, EpochRecord) and event.epoch == epochs
        return Stop("interrupted", "the test") if ended and epochs < 2 else None

    record = train(planned_spec(parse(SPEC.encode(), "tiny.yaml")), RunFolder(path), watch)
    return {"said": said, "state": record.state, "epochs": record.epochs, "examples": record.last.examples}


if __name__ == "__main__":
    main(*sys.argv[1:])
