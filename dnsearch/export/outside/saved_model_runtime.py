"""Runs an exported SavedModel with TensorFlow alone."""

import sys
from typing import Any

import numpy as np
import tensorflow as tf


def outputs(folder: str, images: Any) -> dict[str, Any]:  # noqa: ANN401  (pixels, as NumPy loads them)
    """Logits and probabilities of raw pixels."""
    network = tf.saved_model.load(folder).signatures["serving_default"]
    return {name: found.numpy() for name, found in network(images=tf.constant(images)).items()}


if __name__ == "__main__":
    np.savez(sys.argv[3], **outputs(sys.argv[1], np.load(sys.argv[2])))
