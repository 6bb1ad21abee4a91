"""Epochs as TensorBoard's event files, written without TensorBoard.

As Keras does, training and validation have a folder each and the same tags, so that TensorBoard draws both
curves into one chart. A sitting has files of its own; what a resume does again is there twice, with equal
numbers.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from dnsearch.errors import Problem, RunError
from dnsearch.runs.record import EpochRecord, Metrics


@contextlib.contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[[EpochRecord], None]]:
    """A function that writes an epoch's figures, for a block, into the folder for ``--logdir``."""
    with contextlib.ExitStack() as stack:
        with _explained(folder):
            training = stack.enter_context(_writer(folder / "training"))
            validation = stack.enter_context(_writer(folder / "validation"))

        def write(epoch: EpochRecord) -> None:
            speed = {"learning_rate": epoch.learning_rate, "images_per_second": epoch.images_per_second}
            with _explained(folder):
                _add(training, epoch.epoch, epoch.training, speed)
                _add(validation, epoch.epoch, epoch.validation, {})

        yield write


def _writer(folder: Path) -> Any:  # noqa: ANN401  (a tf.io.TFRecordWriter; TensorFlow ships no types)
    folder.mkdir(parents=True, exist_ok=True)
    writer = tf.io.TFRecordWriter(str(folder / f"events.out.tfevents.{time.time():.0f}.{os.getpid()}"))
    writer.write(tf.compat.v1.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
    return writer


def _add(writer: Any, epoch: int, metrics: Metrics, more: Mapping[str, float]) -> None:  # noqa: ANN401  (as above)
    overlap = {} if metrics.mean_iou is None else {"mean_iou": metrics.mean_iou}
    figures = {"loss": metrics.loss, "accuracy": metrics.accuracy, **overlap, **more}
    values = [tf.compat.v1.Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
    summary = tf.compat.v1.Summary(value=values)
    writer.write(tf.compat.v1.Event(wall_time=time.time(), step=epoch, summary=summary).SerializeToString())
    writer.flush()


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise RunError(str(Problem(str(folder), "a folder that can be written to", str(error)))) from error
