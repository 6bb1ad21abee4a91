"""Runs exported Keras weights with Keras alone: layers from one file, their weights from the other."""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np


def outputs(folder: str, images: Any) -> dict[str, Any]:  # noqa: ANN401  (pixels, as NumPy loads them)
    """Logits and probabilities of raw pixels."""
    network = keras.models.model_from_json(Path(folder, "model.json").read_text(encoding="utf-8"))
    network.load_weights(Path(folder, "model.weights.h5"))
    return {name: np.asarray(found) for name, found in network(images, training=False).items()}


if __name__ == "__main__":
    np.savez(sys.argv[3], **outputs(sys.argv[1], np.load(sys.argv[2])))
