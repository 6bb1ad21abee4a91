"""What the plan says of a network is what Keras builds: parameters and shapes, for random small specs.

``DNSEARCH_EXAMPLES`` says how many; ``make test-all`` asks for 2,000.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from dnsearch.errors import SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.network import plan_network
from dnsearch.spec.network import DenseNet, UNet

EXAMPLES = int(os.environ.get("DNSEARCH_EXAMPLES", "10"))

slopes = st.floats(0, 1)


def activations(blocks):
    """An activation with what belongs to it; the layers' slope may be one per block."""
    alpha = {"stem": slopes, "layers": per_block(slopes, blocks), "transitions": slopes, "head": slopes}
    sloped = {"activation": st.sampled_from(["leaky_relu", "prelu"]), "alpha": st.fixed_dictionaries(alpha)}
    plain = {"activation": st.sampled_from(["relu", "elu", "gelu", "silu", "mish", "prelu"])}
    return st.fixed_dictionaries(sloped) | st.fixed_dictionaries(plain)


outputs = st.sampled_from(["all", "all", "rule", "odd_and_last"])
patterns = st.one_of(
    st.builds(
        lambda name, output: {"name": name, "output": output},
        st.sampled_from(["dense", "log", "chain"]),
        outputs,
    ),
    st.builds(
        lambda m, output: {"name": "harmonic", "width_multiplier": m, "output": output},
        st.floats(1, 2),
        outputs,
    ),
    st.integers(1, 3).map(lambda size: {"name": "window", "size": size}),
    st.integers(1, 3).map(lambda stride: {"name": "strided", "stride": stride}),
    st.builds(lambda p, seed: {"name": "random", "probability": p, "seed": seed}, slopes, st.integers(0, 9)),
)


def per_block(values, blocks):
    return st.one_of(values, st.tuples(*[values] * blocks))


@st.composite
def explicit(draw, layers):
    """A list of edges in which every layer is read by the next one."""
    earlier = [draw(st.sets(st.integers(0, layer - 1))) | {layer - 1} for layer in range(1, layers + 1)]
    return {"name": "explicit", "layers": tuple(tuple(sorted(reads)) for reads in earlier)}


def connectivities(layers):
    """One pattern for all blocks, or one each; edges of a list fit a block of their length alone."""
    return patterns | st.tuples(*[patterns | explicit(count) for count in layers])


def links(blocks):
    """Links by name, or pairs of blocks where there are two."""
    pairs = [(start, end) for start in range(1, blocks + 1) for end in range(start + 1, blocks + 1)]
    named = st.sampled_from(["all", "non_adjacent"])
    return named | st.lists(st.sampled_from(pairs), min_size=1, max_size=3).map(tuple) if pairs else named


def shared(layers):
    """The fields that both families have."""
    blocks = len(layers)
    return {
        "bottleneck_width": per_block(st.none() | st.integers(1, 3), blocks),
        "connectivity": connectivities(layers),
        "dropout": per_block(st.sampled_from([0.0, 0.2]), blocks),
        "dropout_after": st.sampled_from(["growth", "every"]),
        "convolution_bias": st.booleans(),
        "initializer": st.sampled_from(["fan_out_normal", "he_normal", "he_uniform", "glorot_uniform"]),
        "pooling": st.sampled_from(["avg", "max", "both", "conv"]),
        "compression": st.none() | st.floats(0.3, 1.0),
        "growth_rate": per_block(st.integers(1, 4), blocks),
    }


@st.composite
def densenets(draw):
    layers = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple))
    cross_block = st.fixed_dictionaries(
        {
            "links": links(len(layers)),
            "downsampling": st.sampled_from(["avg", "max", "conv3x3", "conv2x2", "space_to_depth"]),
            "compression": st.none() | st.floats(0.3, 1.0),
        }
    )
    stem = st.fixed_dictionaries(
        {
            "channels": st.none() | st.integers(4, 8),
            "kernel": st.sampled_from([3, 5, 7]),
            "stride": st.sampled_from([1, 2]),
            "normalize": st.booleans(),
            "pooling": st.sampled_from(["none", "max"]),
        }
    )
    head = {"activation": st.booleans(), "reads": st.sampled_from(["last_block", "all_blocks"])}
    own = {"cross_block": st.none() | cross_block, "stem": stem, "head": st.fixed_dictionaries(head)}
    fields = draw(st.fixed_dictionaries({**shared(layers), **own}))
    network = DenseNet.model_validate(
        {"layers_per_block": layers, **fields, **draw(activations(len(layers)))}
    )
    return network, draw(st.tuples(st.integers(17, 24), st.integers(17, 24), st.integers(1, 3)))


@st.composite
def unets(draw):
    layers = draw(st.lists(st.integers(1, 3), min_size=2, max_size=3).map(tuple))
    own = {
        "unit": st.sampled_from(["dense", "dense", "conv"]),
        "channels": st.just(tuple(4 * (level + 1) for level in range(len(layers)))),
        "convolutions": st.integers(1, 2),
        "normalize": st.booleans(),
        "up_kernel": st.sampled_from([2, 3]),
        "up_reads": st.sampled_from(["new", "all"]),
        "stem": st.fixed_dictionaries({"channels": st.integers(3, 6), "normalize": st.booleans()}),
    }
    fields = draw(st.fixed_dictionaries({**shared(layers), **own}))
    network = UNet.model_validate(
        {"family": "unet", "layers_per_block": layers, **fields, **draw(activations(len(layers)))}
    )
    return network, draw(st.sampled_from([(8, 12, 1), (16, 8, 3)]))


# Building a network takes a tenth of a second; shrinking a failure would take minutes.
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(drawn=densenets() | unets(), classes=st.integers(2, 12))
def test_parameters_and_shapes(tensorflow_ready, drawn, classes):
    import keras

    from dnsearch.model.build import build

    network, image_shape = drawn
    try:
        plan = plan_network(network, image_shape, classes)
    except SpecError:  # a rule that leaves a layer unread, a compression that keeps nothing
        assume(False)
    keras.backend.clear_session()
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
