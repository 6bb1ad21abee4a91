"""One seed for everything random in a training."""

import keras


def start_afresh(seed: int) -> None:
    """Forget earlier models and seed Python, NumPy and TensorFlow, in the order that keeps the seed."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
