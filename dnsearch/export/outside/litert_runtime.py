"""Runs an exported ``model.tflite`` with LiteRT alone."""

import sys
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def outputs(folder: str, images: Any) -> dict[str, Any]:  # noqa: ANN401  (pixels, as NumPy loads them)
    """Logits and probabilities of raw pixels."""
    network = Interpreter(f"{folder}/model.tflite").get_signature_runner("serving_default")
    found: dict[str, Any] = network(images=images)
    return found


if __name__ == "__main__":
    np.savez(sys.argv[3], **outputs(sys.argv[1], np.load(sys.argv[2])))
