"""Same weights, same numbers: our fused layers against the network in stock Keras layers."""

import numpy as np
import pytest

from dnsearch.plan.network import plan_network
from dnsearch.spec.document import load
from dnsearch.spec.network import example

NETWORKS = {
    "bottleneck": example(),
    "plain": example(bottleneck_width=None, compression=1.0),
    "max pooling": example(pooling="max", layers_per_block=(2, 3)),
    "article in small": example(
        layers_per_block=(2, 2),
        convolution_bias=True,
        activation="leaky_relu",
        alpha={"stem": 0.1, "layers": 0.0, "transitions": 0.05, "head": 0.2},
        stem={"channels": 24, "normalize": True},
        head={"activation": False},
        batch_norm={"momentum": 0.99, "epsilon": 1e-3},
        initializer="glorot_uniform",
    ),
}
TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}
"""float32; the fused kernel adds up in another order than Keras' dozen operations."""

STEP_TOLERANCE = 2e-4
"""Largest error of a variable's update, as a share of it (Euclidean norms); 1e-5 to 4e-5 were seen."""


def by_kind(model):
    """A model's weights in an order that both ways to build it share: kind by kind, in network order."""
    found = {}
    for weight in model.weights:
        found.setdefault(weight.path.rsplit("/", 1)[-1], []).append(weight)
    return found


def paired(ours, stock):
    mine, theirs = by_kind(ours), by_kind(stock)
    assert {kind: len(weights) for kind, weights in mine.items()} == {k: len(w) for k, w in theirs.items()}
    pairs = [pair for kind in mine for pair in zip(mine[kind], theirs[kind], strict=True)]
    assert all(a.shape == b.shape for a, b in pairs)
    return pairs


def twins(stock, spec, image_shape=(8, 8, 3)):
    import keras

    from dnsearch.model.build import build

    keras.utils.set_random_seed(
        0
    )  # an activation within rounding of ReLU's kink would have two right gradients
    ours = build(plan_network(spec, image_shape, 10))
    theirs = stock(spec, image_shape, 10)
    rng = np.random.default_rng(0)
    pairs = paired(ours, theirs)
    for mine, other in pairs:
        value = np.asarray(mine)
        noise = (
            rng.uniform(0.5, 1.5, value.shape) if "variance" in mine.path else rng.normal(0, 0.1, value.shape)
        )
        mine.assign(value + noise if "variance" not in mine.path else noise)
        other.assign(np.asarray(mine))
    return ours, theirs, pairs, rng.normal(size=(16, *image_shape)).astype("float32")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("training", [False, True])
def test_forward(stock, name, training):
    ours, theirs, _, images = twins(stock, NETWORKS[name])
    np.testing.assert_allclose(
        np.asarray(ours(images, training=training)),
        np.asarray(theirs(images, training=training)),
        **TOLERANCE,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_one_training_step(stock, name):
    import keras

    from dnsearch.train.step import build_trainer

    ours, theirs, pairs, images = twins(stock, NETWORKS[name])
    labels = np.arange(16, dtype="int32") % 10
    training = load("starter", ["training.optimizer.weight_decay=0.0"]).experiment.training
    before = [np.asarray(mine).copy() for mine, _ in pairs]
    trainer = build_trainer(ours, training)
    trainer.train(images, labels, 0.05)
    trainer.fill_model()
    theirs.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    theirs.train_on_batch(images, labels)
    for (mine, other), start in zip(pairs, before, strict=True):
        error = np.linalg.norm(np.asarray(mine) - np.asarray(other))
        update = np.linalg.norm(np.asarray(other) - start)
        # A convolution's bias before a BatchNorm cancels out and has no gradient to speak of.
        assert mine.path.endswith("bias") or update > 1e-6, mine.path
        assert error <= STEP_TOLERANCE * update + 1e-7, mine.path


def test_the_article_has_the_same_weights_layer_for_layer(stock):
    from dnsearch.model.build import build

    spec = load("article").experiment.network
    ours = build(plan_network(spec, (32, 32, 3), 10))
    theirs = stock(spec, (32, 32, 3), 10)
    assert ours.count_params() == theirs.count_params() == 504_052
    assert paired(ours, theirs)
