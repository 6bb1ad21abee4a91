"""Rivals of a search: Optuna and KerasTuner around stock Keras layers, as a user writes them.

The images come from an ``.npz`` file that dnsearch split; so all sides train and validate on the same ones.
"""

import json
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from stock_keras import ARTICLE, densenet

BATCH = 64
FACTOR, MOST_EPOCHS = 3, 9
FASHION = {"stem_stride": 2, "dropout": 0, "momentum": 0.9}
"""What all networks of the race have; the base spec of dnsearch's search says the same."""


def optuna_trials(data, networks, epochs):
    """Train each network in turn as the trials of an Optuna study."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    images = loaded(data)
    study = optuna.create_study(direction="maximize")
    for number in range(len(networks)):
        study.enqueue_trial({"network": number})

    def objective(trial):
        keras.backend.clear_session()
        number = trial.suggest_int("network", 0, len(networks) - 1)
        return trained(images, networks[number], epochs)

    study.optimize(objective, n_trials=len(networks))
    return {"accuracies": [trial.value for trial in study.trials]}


def kerastuner_trials(data, networks, epochs):
    """Train each network in turn as the trials of a KerasTuner grid search."""
    import keras_tuner

    images = loaded(data)

    def build(hp):
        network = networks[hp.Choice("network", list(range(len(networks))))]
        return compiled(images, network, epochs)

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.GridSearch(
            build, "val_accuracy", max_trials=len(networks), directory=folder, overwrite=True
        )
        tuner.search(
            *images["training"],
            epochs=epochs,
            batch_size=BATCH,
            validation_data=images["validation"],
            verbose=0,
        )
        trials = tuner.oracle.get_best_trials(len(networks))
        return {"accuracies": [trial.score for trial in trials]}


def kerastuner_hyperband(data, diary):
    """Search the same space with KerasTuner's Hyperband; writes each epoch down, until it is killed."""
    import keras_tuner

    images, began = loaded(data), time.perf_counter()

    def build(hp):
        network = {
            "layers_per_block": [hp.Int("layers", 2, 6)] * 3,
            "growth_rate": hp.Int("growth_rate", 4, 16),
            "compression": hp.Float("compression", 0.4, 1.0),
            "pooling": hp.Choice("pooling", ["avg", "max"]),
            "alpha": hp.Float("alpha", 0.0, 0.3),
            **FASHION,
            "learning_rate": hp.Float("learning_rate", 0.01, 0.2, sampling="log"),
        }
        return compiled(images, network, MOST_EPOCHS)

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.Hyperband(
            build, "val_accuracy", MOST_EPOCHS, FACTOR, seed=0, directory=folder, overwrite=True
        )
        tuner.search(
            *images["training"],
            batch_size=BATCH,
            validation_data=images["validation"],
            callbacks=[Diary(diary, began)],
            verbose=0,
        )


class Diary(keras.callbacks.Callback):
    """Writes down each epoch's validation accuracy and when it was known."""

    def __init__(self, path, began):
        super().__init__()
        self.path, self.began = path, began

    def on_epoch_end(self, epoch, logs=None):
        line = {"seconds": time.perf_counter() - self.began, "accuracy": float(logs["val_accuracy"])}
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def loaded(data):
    """The images, scaled already, and their labels."""
    with np.load(data) as file:
        return {part: (file[f"{part}_images"], file[f"{part}_labels"]) for part in ("training", "validation")}


def trained(images, network, epochs):
    model = compiled(images, network, epochs)
    history = model.fit(
        *images["training"], BATCH, epochs, validation_data=images["validation"], verbose=0
    ).history
    return history["val_accuracy"][-1]


def compiled(images, network, epochs):
    pixels = images["training"][0]
    shape = {"dropout": ARTICLE["dropout"], **network}
    learning_rate = shape.pop("learning_rate")
    model = densenet(pixels.shape[1:], **shape)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * -(-len(pixels) // BATCH))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model
