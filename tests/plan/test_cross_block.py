"""Links between blocks, across differences of scale."""

import pytest

from dnsearch.errors import SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.graph import Link
from dnsearch.plan.memory import parts
from dnsearch.plan.network import plan_network
from dnsearch.spec.network import example

SIZES = [(32, 32, 3), (33, 31, 1), (9, 12, 2)]


def plan(image_shape=(32, 32, 3), **fields):
    return plan_network(example(**{"layers_per_block": (2, 2, 2, 2), **fields}), image_shape, 10)


def links(found):
    return [(link.source, link.target) for link in found.links]


@pytest.mark.parametrize(
    ("chosen", "drawn"),
    [
        ("all", [(1, 2), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4)]),
        ("non_adjacent", [(1, 3), (1, 4), (2, 4)]),
        (((2, 4), (1, 2)), [(1, 2), (2, 4)]),
    ],
)
def test_which_blocks_are_linked(chosen, drawn):
    assert links(plan(cross_block={"links": chosen})) == [(f"block{a}", f"block{b}") for a, b in drawn]
    assert plan().links == ()


@pytest.mark.parametrize("downsampling", ["avg", "max", "conv3x3", "conv2x2", "space_to_depth"])
@pytest.mark.parametrize("image_shape", SIZES)
def test_every_way_down_ends_at_the_blocks_size(downsampling, image_shape):
    found = plan(image_shape, cross_block={"links": "all", "downsampling": downsampling})
    for node in found.nodes:
        shapes = {found.nodes[position].shape[:2] for position in node.inputs}
        assert len(shapes) <= 1, node.name
    joined = {
        node.name: node
        for node in found.nodes
        if node.name.startswith("links") and node.name.endswith("concat")
    }
    assert list(joined) == ["links2_concat", "links3_concat", "links4_concat"]


def test_what_a_block_reads_then():
    found = plan(layers_per_block=(2, 2, 2), growth_rate=4, cross_block={"links": "non_adjacent"})
    joined = next(node for node in found.nodes if node.name == "links3_concat")
    widths = [found.nodes[position].shape[-1] for position in joined.inputs]
    assert widths == [8, 16]  # the transition's half of 16, and the whole of block 1
    assert found.links == (Link("block1", "block3", "cross_block"),)


@pytest.mark.parametrize(("downsampling", "channels"), [("avg", 24), ("conv3x3", 24), ("space_to_depth", 96)])
def test_compression_and_channels_of_a_link(downsampling, channels):
    link = {"links": ((1, 2),), "downsampling": downsampling, "compression": 0.5}
    found = plan(layers_per_block=(2, 2), cross_block=link)
    joined = next(node for node in found.nodes if node.name == "links2_concat")
    assert found.nodes[joined.inputs[1]].shape == (16, 16, channels)


def test_pooling_costs_nothing_and_convolutions_do():
    def trainable(kind):
        found = plan(cross_block={"links": "non_adjacent", "downsampling": kind})
        return {part.name: part.cost.trainable for part in parts(found)}["links3"]

    assert trainable("avg") == trainable("space_to_depth") == 0
    # per halving BN 2 x 48 and a 2x2 convolution from 48 to 48, twice
    assert trainable("conv2x2") == 2 * (2 * 48 + 4 * 48 * 48)


@pytest.mark.parametrize("pair", [(2, 1), (2, 2), (1, 5)])
def test_links_backwards_or_to_nowhere_are_refused(pair):
    with pytest.raises(SpecError) as caught:
        plan(cross_block={"links": (pair,)})
    said = f"expected pairs [from, to] with from before to, and at most 4, found [{pair[0]}, {pair[1]}]"
    assert str(caught.value) == f"network.cross_block.links\n  {said}"


def test_a_classifier_that_reads_all_blocks():
    found = plan(layers_per_block=(1, 1), growth_rate=4, head={"reads": "all_blocks"})
    joined = next(node for node in found.nodes if node.name == "head_concat")
    assert [found.nodes[position].shape for position in joined.inputs] == [(12,), (10,)]
    assert cost(found).trainable > cost(plan(layers_per_block=(1, 1), growth_rate=4)).trainable


@pytest.mark.parametrize(
    ("pooling", "nodes", "channels"),
    [("both", ["Pool", "Pool", "Concatenate"], 24), ("conv", ["Convolution"], 12), ("max", ["Pool"], 12)],
)
def test_ways_to_halve_in_a_transition(pooling, nodes, channels):
    found = plan((9, 9, 1), layers_per_block=(1, 1), growth_rate=8, pooling=pooling)
    part = [node for node in found.nodes if node.part == "transition1"]
    assert [type(node.operation).__name__ for node in part][-len(nodes) :] == nodes
    assert part[-1].shape == (4, 4, channels)


def test_a_transition_without_compression_is_its_pooling_alone():
    found = plan(layers_per_block=(1, 1), growth_rate=8, compression=None)
    assert [type(node.operation).__name__ for node in found.nodes if node.part == "transition1"] == ["Pool"]
