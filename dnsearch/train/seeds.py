"""One seed for everything random in a training."""

import keras


def start_afresh(seed: int) -> None:
    """Forget earlier models, then seed Python, NumPy and TensorFlow: forgetting would undo the seed."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
