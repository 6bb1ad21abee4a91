"""The ``training`` section in small, and models that a page of NumPy can follow."""

import numpy as np
import pytest

from dnsearch.spec.training import Training

SGD = {"name": "sgd"}


@pytest.fixture(scope="session")
def training():
    """A function: fields of the section → the section; learning rate 0.1, SGD, 4 epochs."""

    def section(**fields) -> Training:
        return Training.model_validate({"epochs": 4, "learning_rate": 0.1, "optimizer": SGD, **fields})

    return section


@pytest.fixture
def points():
    """24 points of 3 coordinates and their labels, from 0 to 3; a line tells some of them apart."""
    rng = np.random.default_rng(7)
    labels = np.arange(24, dtype=np.int32) % 4
    return (rng.normal(size=(24, 3)) + labels[:, np.newaxis]).astype(np.float32), labels


@pytest.fixture
def normalized_regression(tensorflow_ready):
    """A model: BatchNorm of 3 coordinates, then 4 logits. All its variables have a gradient."""
    import keras

    keras.utils.set_random_seed(5)
    point = keras.Input((3,))
    logits = keras.layers.Dense(4)(keras.layers.BatchNormalization(epsilon=1e-3)(point))
    model = keras.Model(point, logits)
    for variable in model.trainable_variables:
        variable.assign(np.asarray(variable) + np.random.default_rng(3).normal(0, 0.2, variable.shape))
    return model


@pytest.fixture
def regression(tensorflow_ready):
    """A model: 3 coordinates to 4 logits, in one line."""
    import keras

    keras.utils.set_random_seed(5)
    point = keras.Input((3,))
    return keras.Model(point, keras.layers.Dense(4)(point))


@pytest.fixture(scope="session")
def network(tensorflow_ready):
    """A function: growth rate → a tiny DenseNet with dropout for images of 8x8x1, freshly seeded."""
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.spec.network import example
    from dnsearch.train.state import start_afresh

    def built(growth_rate=4, seed=0):
        start_afresh(seed)
        spec = example(growth_rate=growth_rate, layers_per_block=(1, 1), dropout=0.2)
        return build(plan_network(spec, (8, 8, 1), classes=10))

    return built
