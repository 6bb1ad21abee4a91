"""The graph of the DenseNet family, read node by node."""

import pytest

from dnsearch.errors import SpecError
from dnsearch.plan.cost import output_shape
from dnsearch.plan.graph import Activation, BatchNorm, Concatenate, Convolution, Dropout, Pool
from dnsearch.plan.network import plan_network
from dnsearch.spec.document import load
from dnsearch.spec.network import example


def plan(image_shape=(8, 8, 1), **fields):
    return plan_network(example(**fields), image_shape, 10)


def operations(found, part):
    return [node.operation for node in found.nodes if node.part == part]


def kinds(found, part):
    return [type(operation).__name__ for operation in operations(found, part)]


def test_a_layer_reads_everything_before_it():
    found = plan(layers_per_block=(4,))
    concats = {node.name: node.inputs for node in found.nodes if isinstance(node.operation, Concatenate)}
    names = [node.name for node in found.nodes]
    written = ["stem_conv", *(f"block1_layer{layer}_growth_conv" for layer in range(1, 5))]
    for layer in (2, 3, 4):
        assert [names[i] for i in concats[f"block1_layer{layer}_concat"]] == written[:layer]
    assert [names[i] for i in concats["block1_concat"]] == written


def test_bottleneck_layer_is_bn_relu_1x1_bn_relu_3x3():
    found = plan(layers_per_block=(1,), growth_rate=5, bottleneck_width=3)
    assert kinds(found, "block1") == [
        *("BatchNorm", "Activation", "Convolution"),
        *("BatchNorm", "Activation", "Convolution"),
        "Concatenate",
    ]
    convolutions = [each for each in operations(found, "block1") if isinstance(each, Convolution)]
    assert [(each.kernel, each.filters) for each in convolutions] == [(1, 15), (3, 5)]


def test_plain_layer_has_no_1x1():
    found = plan(layers_per_block=(1,), bottleneck_width=None)
    assert kinds(found, "block1") == ["BatchNorm", "Activation", "Convolution", "Concatenate"]


def test_stem_is_2k_with_bottleneck_and_16_without():
    assert plan(growth_rate=7).nodes[1].shape == (8, 8, 14)
    assert plan(growth_rate=7, bottleneck_width=None).nodes[1].shape == (8, 8, 16)
    assert plan(stem={"channels": 5}).nodes[1].shape == (8, 8, 5)


def test_transition_floors_and_pools():
    found = plan(growth_rate=3, layers_per_block=(1, 1), compression=0.5, stem={"channels": 4}, pooling="max")
    assert kinds(found, "transition1") == ["BatchNorm", "Activation", "Convolution", "Pool"]
    pool = [node for node in found.nodes if node.part == "transition1"][-1]
    assert pool.shape == (4, 4, 3)  # floor(0.5 x 7)
    assert pool.operation == Pool("max", size=2, stride=2, padding=0)


def test_odd_sides_lose_their_last_pixel_in_a_transition():
    found = plan(image_shape=(9, 7, 1), layers_per_block=(1, 1))
    assert [node.shape[:2] for node in found.nodes if node.name == "transition1_pool"] == [(4, 3)]


def test_article_as_its_code_has_it():
    found = plan_network(load("article").experiment.network, (32, 32, 3), 10)
    assert kinds(found, "stem") == ["Input", "Convolution", "BatchNorm", "Activation"]
    assert operations(found, "stem")[-1] == Activation("leaky_relu", 0.1)
    assert set(operations(found, "block1")) >= {
        Activation("leaky_relu", 0.0),
        Dropout(0.2),
        BatchNorm(0.99, 1e-3),
    }
    assert kinds(found, "head") == ["BatchNorm", "GlobalAverage", "Classifier"]
    everywhere = [node.operation for node in found.nodes if isinstance(node.operation, Convolution)]
    assert all(each.bias and each.initializer == "glorot_uniform" for each in everywhere)
    dropouts = [node.name for node in found.nodes if isinstance(node.operation, Dropout)]
    assert len(dropouts) == 36
    assert all(name.endswith("growth_dropout") for name in dropouts)


def test_the_papers_dropout_follows_every_convolution_but_the_first():
    found = plan(dropout=0.2, dropout_after="every")
    dropouts = sum(isinstance(node.operation, Dropout) for node in found.nodes)
    convolutions = sum(isinstance(node.operation, Convolution) for node in found.nodes)
    assert dropouts == convolutions - 1


def test_alpha_place_by_place():
    found = plan(
        activation="leaky_relu",
        alpha={"stem": 0.1, "layers": 0.2, "transitions": 0.3, "head": 0.4},
        stem={"normalize": True},
    )
    slopes = {
        part: {o.slope for o in operations(found, part) if isinstance(o, Activation)} for part in found.parts
    }
    assert (slopes["stem"], slopes["block1"], slopes["transition1"], slopes["head"]) == (
        {0.1},
        {0.2},
        {0.3},
        {0.4},
    )


def test_names_are_unique_and_inputs_come_first():
    found = plan(dropout=0.1, dropout_after="every")
    assert len({node.name for node in found.nodes}) == len(found.nodes)
    assert all(position < number for number, node in enumerate(found.nodes) for position in node.inputs)


def test_too_many_transitions_for_the_image_are_refused():
    with pytest.raises(SpecError) as caught:
        plan(layers_per_block=(1, 1, 1, 1, 1))
    assert str(caught.value) == (
        "network.layers_per_block\n"
        "  expected transition4 to have at least 2x2 pixels to pool, found 1x1\n"
        "  Use fewer blocks or larger images."
    )


def test_a_compression_that_keeps_nothing_is_refused():
    with pytest.raises(
        SpecError, match=r"network.compression\n.*transition1 to keep at least 1 of its 36 channels"
    ):
        plan(compression=0.01, layers_per_block=(1, 1))


@pytest.mark.parametrize(
    ("side", "window", "stride", "padding", "expected"),
    [(224, 7, 2, 3, 112), (112, 3, 2, 1, 56), (5, 2, 2, 0, 2), (1, 3, 1, 1, 1), (225, 7, 2, 3, 113)],
)
def test_steps_of_a_window(side, window, stride, padding, expected):
    """What does not fill a last step is left out."""
    assert output_shape(Pool("max", window, stride, padding), [(side, 9, 2)])[0] == expected


def test_shape_of_a_concatenation():
    assert output_shape(Concatenate(), [(4, 4, 3), (4, 4, 5)]) == (4, 4, 8)
