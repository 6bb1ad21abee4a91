"""Runs an exported ``model.onnx`` with ONNX Runtime alone."""

import sys
from typing import Any

import numpy as np
import onnxruntime


def outputs(folder: str, images: Any) -> dict[str, Any]:  # noqa: ANN401  (pixels, as NumPy loads them)
    """Logits and probabilities of raw pixels."""
    network = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
    logits, probabilities = network.run(["logits", "probabilities"], {"images": images})
    return {"logits": logits, "probabilities": probabilities}


if __name__ == "__main__":
    np.savez(sys.argv[3], **outputs(sys.argv[1], np.load(sys.argv[2])))
