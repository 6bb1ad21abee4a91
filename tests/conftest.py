"""TensorFlow reads its environment when it is imported; so it is set before any test imports it.

A shell that starts the tests in the background has told them to ignore Ctrl-C; the tests of Ctrl-C, and the
programs that they start, need it as it is on a terminal.

One Hypothesis profile holds for all tests: no deadline, since a busy machine misses any, and the same
examples at every run.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from postgres import programs, server

from dnsearch import environment

environment.set_environment()
signal.signal(signal.SIGINT, signal.default_int_handler)
hypothesis_settings.register_profile(
    "dnsearch",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("dnsearch")


@pytest.fixture(scope="session")
def tensorflow_ready() -> None:
    environment.prepare_tensorflow(threads=1)


@dataclass(frozen=True)
class Ended:
    """A training in a process of its own: the signal that ended it, if any, and what it left."""

    signal: int
    seconds: float
    epochs: int
    writing: list[str]

    def __str__(self):
        ended = "killed" if self.signal else "ended"
        amid = f", writing {' and '.join(self.writing)}" if self.writing else ""
        return f"{ended} after {self.seconds:.2f} s and {self.epochs} epochs{amid}"


@pytest.fixture(scope="session")
def in_children():
    """A function: jobs for ``killed_trainer.py`` → how the process of each ended, and what it left."""

    def run(*jobs, threads=1):
        program = Path(__file__).parent / "train" / "killed_trainer.py"
        command = [sys.executable, str(program), str(threads), json.dumps(jobs)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
        ended = [Ended(*json.loads(line)) for line in done.stdout.splitlines()]
        assert len(ended) == len(jobs), done.stderr
        return ended

    return run


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of our own."""
    if not os.environ.get("DNSEARCH_SCALE"):
        pytest.skip("make test-scale starts the servers and clusters that this needs")
    if programs() is None:
        pytest.exit("no PostgreSQL found, so nothing was checked: apt-get install postgresql", returncode=1)
    with server() as started:
        yield started.url


@pytest.fixture(scope="session")
def keras_densenet(tensorflow_ready):
    """A function from blocks to keras.applications' DenseNet that puts out logits, every weight at random.

    The kernels keep the signal at its size through all layers, so that other images give other logits.
    """
    from keras.src.applications.densenet import DenseNet  # Keras' public names have fixed blocks alone

    def network(blocks, image_shape=(32, 32, 3), classes=7, include_top=True):
        model = DenseNet(
            list(blocks),
            include_top,
            weights=None,
            input_shape=image_shape,
            classes=classes,
            classifier_activation=None,
        )
        rng = np.random.default_rng(0)
        for weight in model.weights:
            shape = tuple(weight.shape)
            match weight.path.split("/"):
                case ["predictions", "kernel"]:
                    weight.assign(rng.normal(0, 0.1, shape))
                case [_, "kernel"]:
                    weight.assign(rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape))
                case [_, "gamma" | "moving_variance"]:
                    weight.assign(rng.uniform(0.7, 1.3, shape))
                case _:
                    weight.assign(rng.normal(0, 0.1, shape))
        return model

    return network
