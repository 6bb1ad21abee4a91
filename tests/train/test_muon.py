"""Muon against its formulas, written out in NumPy, one kernel at a time."""

import numpy as np
import pytest

from dnsearch.spec.network import UNet, example

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
    from dnsearch.train.step_inputs import step_inputs

    outer = np.ones((1, 1, 2, 3), np.float32)  # the first and the last layer, which are AdamW's
    weights = [keras.Variable(values, name="kernel") for values in [outer, *gradients(9), outer]]
    for weight, number in zip(weights, range(9), strict=False):
        weight._path = f"conv{number}/kernel"  # as a layer calls it
    section = training(optimizer={"name": "muon", "momentum": 0.9, "weight_decay": decay})
    vector = Vector(weights)
    optimizer = build_optimizer(section, vector, step_inputs(section, None, 0.0))
    expected = [np.asarray(weight, np.float64) for weight in weights[1:-1]]
    velocities = [0.0] * len(expected)
    for step, rate in enumerate((0.1, 0.02)):
        slopes = gradients(step)
        optimizer.apply(vector.joined([outer, *slopes, outer]), np.float32(rate))
        vector.write(vector.value)
        velocities = [0.9 * v + slope for v, slope in zip(velocities, slopes, strict=True)]
        expected = [
            w - rate * decay * w - rate * by_hand(slope + 0.9 * v)
            for w, v, slope in zip(expected, velocities, slopes, strict=True)
        ]
        for weight, wanted in zip(weights[1:-1], expected, strict=True):
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


UNETS = {
    "dense": {"growth_rate": 4, "layers_per_block": (1, 1)},
    "conv": {"unit": "conv", "channels": (4, 8)},
}


@pytest.mark.parametrize(
    ("network", "outer"),
    [
        (example(layers_per_block=(1, 1)), ["stem_conv", "head_classifier"]),
        (UNet(family="unet", **UNETS["dense"]), ["stem_conv", "head_conv"]),
        (UNet(family="unet", **UNETS["conv"]), ["down1_layer1_conv", "head_conv"]),
    ],
)
def test_the_first_and_the_last_layer_are_adamw_s(tensorflow_ready, training, monkeypatch, network, outer):
    """Muon is made to move nothing: the kernels that change all the same are AdamW's."""
    import tensorflow as tf

    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.train import optimizers
    from dnsearch.train.state import Vector
    from dnsearch.train.step_inputs import step_inputs

    monkeypatch.setattr(optimizers, "muon_steps", lambda directions: list(map(tf.zeros_like, directions)))
    vector = Vector(build(plan_network(network, (8, 8, 1), classes=3)).trainable_variables)
    before, section = vector.value + 0.0, training(optimizer={"name": "muon", "weight_decay": 0})
    inputs = step_inputs(section, None, 0.0)
    optimizers.build_optimizer(section, vector, inputs).apply(tf.ones_like(before), np.float32(0.1))
    moved = [bool(np.any(part)) for part in vector.parts(vector.value - before)]
    kernels = zip(vector.variables, moved, strict=True)
    assert [each.path for each, own in kernels if own and each.path.endswith("/kernel")] == [
        f"{layer}/kernel" for layer in outer
    ]
