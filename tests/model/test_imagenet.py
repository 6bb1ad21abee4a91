"""The ImageNet forms: the parameters of keras.applications, and its numbers."""

import numpy as np
import pytest

from dnsearch.plan.cost import cost
from dnsearch.plan.network import plan_network
from dnsearch.spec.document import load
from dnsearch.train.optimizers import learning_rate

IN_KERAS = ("121", *(pytest.param(depth, marks=pytest.mark.slow) for depth in ("169", "201")))
ALL = (*IN_KERAS, "161", "264")
TOTALS = {"121": 8_062_504, "169": 14_307_880, "201": 20_242_984}
TOLERANCE = {"rtol": 1e-5, "atol": 5e-5}
"""float32, logits up to 17 that differ by 0.1 and more from image to image; errors up to 2e-5 were seen."""
DIFFERENCE = 0.1


def network(name):
    return load(f"densenet-{name}").experiment.network


def by_kind(model):
    """A model's weights in an order that both ways to build it share: kind by kind, in network order."""
    found = {}
    for weight in model.weights:
        found.setdefault(weight.path.rsplit("/", 1)[-1], []).append(weight)
    return found


@pytest.mark.parametrize("name", IN_KERAS)
def test_parameters_are_those_of_keras_applications(tensorflow_ready, name):
    import keras

    theirs = getattr(keras.applications, f"DenseNet{name}")(weights=None)
    costs = cost(plan_network(network(name), (224, 224, 3), 1000))
    assert costs.parameters == theirs.count_params() == TOTALS[name]
    assert costs.trainable == sum(weight.value.shape.num_elements() for weight in theirs.trainable_weights)


@pytest.mark.parametrize("name", IN_KERAS)
def test_with_the_weights_of_keras_applications_it_puts_out_the_same(keras_densenet, name):
    """Weights are copied layer for layer, by their order alone."""
    from dnsearch.model.build import build

    theirs = keras_densenet(network(name).layers_per_block, (64, 64, 3), classes=10)
    ours = build(plan_network(network(name), (64, 64, 3), 10))
    mine, other = by_kind(ours), by_kind(theirs)
    assert {kind: len(weights) for kind, weights in mine.items()} == {k: len(w) for k, w in other.items()}
    for kind, weights in mine.items():
        for weight, source in zip(weights, other[kind], strict=True):
            assert weight.shape == source.shape
            weight.assign(np.asarray(source))
    images = np.random.default_rng(1).normal(0, 2, (4, 64, 64, 3)).astype("float32")
    expected = np.asarray(theirs(images, training=False))
    assert np.std(expected, axis=0).min() > DIFFERENCE
    np.testing.assert_allclose(np.asarray(ours(images, training=False)), expected, **TOLERANCE)


def test_torchvision_counts_as_many_parameters_in_161():
    assert cost(plan_network(network("161"), (224, 224, 3), 1000)).trainable == 28_681_000


@pytest.mark.parametrize("name", [name for name in ALL if name != "264"])  # the paper's 264 has 265
def test_layers_as_many_as_the_name_says(name):
    # Two convolutions a layer, one in the stem, three in the transitions, and the classifier.
    assert 2 * sum(network(name).layers_per_block) + 5 == int(name)


@pytest.mark.parametrize("name", ALL)
def test_is_what_the_paper_and_the_spec_say(name):
    document = load(f"densenet-{name}")
    experiment, training = document.experiment, document.experiment.training
    costs = cost(plan_network(experiment.network, (224, 224, 3), 1000))
    expect = experiment.expect
    assert (expect.parameters, expect.parameters_total, expect.macs) == (
        costs.trainable,
        costs.parameters,
        costs.macs,
    )
    counted = costs.parameters if name in TOTALS else costs.trainable
    assert f"# Counted:   {counted:,} " in document.text
    assert (training.epochs, training.batch_size) == (90, 256)
    assert (training.optimizer.momentum, training.optimizer.nesterov) == (0.9, True)
    assert (training.optimizer.weight_decay, training.optimizer.decay) == (1e-4, "coupled")


def test_the_learning_rate_falls_at_epochs_30_and_60():
    training = load("densenet-121").experiment.training
    steps = -(-1_281_167 // 256)
    last_and_first = [30 * steps - 1, 30 * steps, 60 * steps - 1, 60 * steps]
    rates = [learning_rate(training, step, steps) for step in last_and_first]
    assert rates == pytest.approx([0.1, 0.01, 0.01, 0.001])
