"""Runs an export with its own runtime alone: ``python -P outside.py FORMAT FOLDER IMAGES RESULTS``.

A fresh process runs it by its path. It imports nothing of dnsearch, and only the format's own runtime.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Any


def outputs(kind: str, folder: str, images: Arrays) -> dict[str, Arrays]:
    """Logits and probabilities of raw pixels (batch, height, width, channels), by the name of the format."""
    match kind:
        case "savedmodel":
            import tensorflow as tf

            network = tf.saved_model.load(folder).signatures["serving_default"]
            return {name: found.numpy() for name, found in network(images=tf.constant(images)).items()}
        case "litert":
            from ai_edge_litert.interpreter import Interpreter

            network = Interpreter(f"{folder}/model.tflite").get_signature_runner("serving_default")
            return dict(network(images=images))
        case "onnx":
            import onnxruntime

            session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
            names = ["logits", "probabilities"]
            return dict(zip(names, session.run(names, {"images": images}), strict=True))
        case "keras-weights":
            import keras

            network = keras.models.model_from_json(Path(folder, "model.json").read_text(encoding="utf-8"))
            network.load_weights(Path(folder, "model.weights.h5"))
            return {name: np.asarray(found) for name, found in network(images, training=False).items()}
        case _:
            raise ValueError(f"no format {kind}")


if __name__ == "__main__":
    form, export, samples, results = sys.argv[1:]
    np.savez(results, **outputs(form, export, np.load(samples)))
