"""What the plan says of a network is what Keras builds: parameters and shapes, for random small specs."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsearch.plan.cost import cost
from dnsearch.plan.family import plan_network
from dnsearch.spec.network import example

alphas = st.floats(0, 1)
networks = st.builds(
    lambda activation, **fields: example(**activation, **fields),
    activation=st.one_of(
        st.just({"activation": "relu"}),
        st.builds(
            lambda a, b, c, d: {
                "activation": "leaky_relu",
                "alpha": {"stem": a, "layers": b, "transitions": c, "head": d},
            },
            *[alphas] * 4,
        ),
    ),
    growth_rate=st.integers(1, 6),
    layers_per_block=st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple),
    bottleneck_width=st.none() | st.integers(1, 4),
    compression=st.floats(0.3, 1.0),
    pooling=st.sampled_from(["avg", "max"]),
    dropout=st.sampled_from([0.0, 0.2]),
    dropout_after=st.sampled_from(["growth", "every"]),
    convolution_bias=st.booleans(),
    initializer=st.sampled_from(["fan_out_normal", "he_normal", "he_uniform", "glorot_uniform"]),
    stem=st.fixed_dictionaries(
        {
            "channels": st.none() | st.integers(4, 8),
            "kernel": st.sampled_from([3, 5, 7]),
            "stride": st.sampled_from([1, 2]),
            "normalize": st.booleans(),
            "pooling": st.sampled_from(["none", "max"]),
        }
    ),
    head=st.fixed_dictionaries({"activation": st.booleans()}),
)
images = st.tuples(st.integers(17, 24), st.integers(17, 24), st.integers(1, 4))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(network=networks, image_shape=images, classes=st.integers(2, 12))
def test_parameters_and_shapes(tensorflow_ready, network, image_shape, classes):
    import keras

    from dnsearch.model.build import build

    keras.backend.clear_session()
    plan = plan_network(network, image_shape, classes)
    costs, model = cost(plan), build(plan)
    assert costs.parameters == model.count_params()
    assert costs.trainable == sum(weight.value.shape.num_elements() for weight in model.trainable_weights)
    shapes = {node.name: (None, *node.shape) for node in plan.nodes}
    for layer in model.layers:
        assert layer.name.removesuffix("_pad") in shapes
        if not layer.name.endswith("_pad"):
            assert tuple(layer.output.shape) == shapes[layer.name], layer.name


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [("fan_out_normal", 2 / (9 * 48)), ("he_normal", 2 / (9 * 96)), ("glorot_uniform", 2 / (9 * (48 + 96)))],
)
def test_initializers_have_the_variance_they_are_named_for(tensorflow_ready, initializer, variance):
    import keras
    import numpy as np

    from dnsearch.model.layers import initializer as built

    keras.utils.set_random_seed(1)
    weights = np.asarray(built(initializer)((3, 3, 96, 48)))
    assert np.var(weights) == pytest.approx(variance, rel=0.03)
    assert abs(np.mean(weights)) < 3 * np.sqrt(variance / weights.size)
