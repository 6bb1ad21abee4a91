"""A trained network as files that TensorFlow, LiteRT and Keras read."""

from pathlib import Path

from dnsearch.model.outgoing import Outgoing
from dnsearch.model.stock import stock_model

ARCHITECTURE = "model.json"
KERAS_WEIGHTS = "model.weights.h5"
LITERT = "model.tflite"


def write_saved_model(network: Outgoing, folder: Path) -> None:
    """Write a TensorFlow SavedModel into a folder; its signature is ``serving_default``."""
    stock_model(network).export(folder, format="tf_saved_model", verbose=False)


def write_litert(network: Outgoing, folder: Path) -> None:
    """Write ``model.tflite`` in float32, without quantisation; its signature is ``serving_default``."""
    stock_model(network).export(folder / LITERT, format="litert", verbose=False)


def write_keras_weights(network: Outgoing, folder: Path) -> None:
    """Write ``model.weights.h5``, and the layers that it belongs to as ``model.json``."""
    model = stock_model(network)
    model.save_weights(folder / KERAS_WEIGHTS)
    (folder / ARCHITECTURE).write_text(model.to_json(indent=2), encoding="utf-8")
