"""Muon against its formulas, written out in NumPy, one kernel at a time."""

import numpy as np
import pytest

SHAPES = [(3, 3, 8, 4), (1, 1, 6, 4), (1, 1, 2, 4), (3, 3, 1, 8), (1, 1, 5, 20)]
"""Kernels with equally many filters share a stack; two have fewer rows than columns."""


def gradients(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]


def by_hand(direction):
    """Newton and Schulz's turns on the smaller side, as Jordan writes them, and Moonlight's size."""
    matrix = direction.astype(np.float64).reshape(-1, direction.shape[-1])
    rows, columns = matrix.shape
    found = (matrix if rows <= columns else matrix.T) / (np.linalg.norm(matrix) + 1e-7)
    for _ in range(5):
        gram = found @ found.T
        found = 3.4445 * found + (-4.7750 * gram + 2.0315 * gram @ gram) @ found
    found = found if rows <= columns else found.T
    return (found * 0.2 * np.sqrt(max(rows, columns))).reshape(direction.shape)


def test_stacks_of_kernels_are_as_each_kernel_alone(tensorflow_ready):
    import tensorflow as tf

    from dnsearch.train.optimizers import muon_steps

    directions = gradients(0)
    for found, direction in zip(muon_steps([tf.constant(d) for d in directions]), directions, strict=True):
        np.testing.assert_allclose(found, by_hand(direction), rtol=1e-3, atol=1e-4)


def test_singular_values_come_near_one(tensorflow_ready):
    from dnsearch.train.optimizers import orthogonal

    matrices = np.random.default_rng(1).normal(size=(3, 40, 10)).astype(np.float32)
    matrices[0] *= 1e-3
    values = np.linalg.svd(np.asarray(orthogonal(matrices)), compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.25


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_steps_follow_the_formula(tensorflow_ready, training, decay):
    import keras

    from dnsearch.train.optimizers import build_optimizer
    from dnsearch.train.state import Vector

    weights = [keras.Variable(values, name="kernel") for values in gradients(9)]
    for weight, number in zip(weights, range(9), strict=False):
        weight._path = f"conv{number}/kernel"  # as a layer calls it
    section = training(optimizer={"name": "muon", "momentum": 0.9, "weight_decay": decay})
    vector = Vector(weights)
    optimizer = build_optimizer(section, vector)
    expected = [np.asarray(weight, np.float64) for weight in weights]
    velocities = [0.0] * len(weights)
    for step, rate in enumerate((0.1, 0.02)):
        slopes = gradients(step)
        optimizer.apply(vector.joined(slopes), np.float32(rate))
        vector.write(vector.value)
        velocities = [0.9 * v + slope for v, slope in zip(velocities, slopes, strict=True)]
        expected = [
            w - rate * decay * w - rate * by_hand(slope + 0.9 * v)
            for w, v, slope in zip(expected, velocities, slopes, strict=True)
        ]
        for weight, wanted in zip(weights, expected, strict=True):
            np.testing.assert_allclose(weight, wanted, rtol=1e-3, atol=1e-4)


def test_what_is_no_convolution_is_adamw_s(training, normalized_regression, points):
    import keras

    from dnsearch.train.step import build_trainer

    first = normalized_regression
    second = keras.models.clone_model(first)
    second.set_weights(first.get_weights())
    for model, name in ((first, "muon"), (second, "adamw")):
        trainer = build_trainer(model, training(optimizer={"name": name, "weight_decay": 0.1}))
        trainer.train(*points, 0.1)
        trainer.fill_model()
    for mine, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(mine, other)
