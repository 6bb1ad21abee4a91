"""One seed for everything random in a training.

Layers that a training leaves as they are.
"""

from collections.abc import Collection

import keras


def start_afresh(seed: int) -> None:
    """Forget earlier models, then seed Python, NumPy and TensorFlow: forgetting would undo the seed."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)


def freeze(model: keras.Model, layers: Collection[str]) -> None:
    """Take layers out of the training, by name.

    Their weights are no trainable variables any more, and a BatchNorm among them uses its moving statistics,
    which do not move.
    """
    for layer in model.layers:
        if layer.name in layers:
            layer.trainable = False
