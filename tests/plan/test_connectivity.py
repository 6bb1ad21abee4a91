"""Sparse blocks: what a layer reads, what a block puts out, and what is refused."""

import pytest

from dnsearch.errors import SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.network import plan_network
from dnsearch.plan.wiring import wired
from dnsearch.spec.document import load
from dnsearch.spec.network import example
from dnsearch.spec.network.connectivity import Explicit, Harmonic, Log


def plan(**fields):
    return plan_network(example(**fields), (16, 16, 3), 10)


@pytest.mark.parametrize(("pattern", "trainable"), [("log", 486_262), ("harmonic", 444_862)])
def test_bc_100_12_counts_what_an_independent_counter_counts(pattern, trainable):
    network = load("densenet-bc-100-12", [f"network.connectivity={pattern}"]).experiment.network
    assert cost(plan_network(network, (32, 32, 3), 10)).trainable == trainable


def test_sparsenet_has_the_papers_7_2_million():
    network = load("sparsenet-100-16-32-64").experiment.network
    assert round(cost(plan_network(network, (32, 32, 3), 10)).trainable / 1e6, 1) == 7.2


def test_outputs_of_a_block():
    log = {"name": "log"}
    assert wired(Log(**log), 6, "block1", 0).output == (0, 1, 2, 3, 4, 5, 6)
    assert wired(Log(**log, output="rule"), 6, "block1", 0).output == (3, 5, 6)
    assert wired(Harmonic(name="harmonic", output="odd_and_last"), 6, "block1", 0).output == (1, 3, 5, 6)


def test_the_output_is_what_the_transition_reads():
    found = plan(layers_per_block=(6, 1), growth_rate=10, connectivity={"name": "log", "output": "rule"})
    joined = next(node for node in found.nodes if node.name == "block1_concat")
    names = [found.nodes[position].name for position in joined.inputs]
    assert names == [f"block1_layer{layer}_growth_conv" for layer in (3, 5, 6)]
    assert joined.shape == (16, 16, 30)


def test_connectivity_and_growth_per_block():
    found = plan(
        growth_rate=(4, 8),
        layers_per_block=(3, 3),
        bottleneck_width=(None, 2),
        dropout=(0.0, 0.5),
        connectivity=({"name": "dense"}, {"name": "chain"}),
    )
    assert [block.reads for block in found.blocks] == [((0,), (0, 1), (0, 1, 2)), ((0,), (1,), (2,))]
    names = [node.name for node in found.nodes]
    assert "block1_layer1_bottleneck_conv" not in names
    assert "block2_layer1_bottleneck_conv" in names
    assert [name for name in names if name.endswith("dropout")] == [
        f"block2_layer{i}_growth_dropout" for i in (1, 2, 3)
    ]
    widths = {node.name: node.shape[-1] for node in found.nodes if node.name.endswith("growth_conv")}
    assert (widths["block1_layer1_growth_conv"], widths["block2_layer3_growth_conv"]) == (4, 8)


def test_hardnet_layers_are_wider_where_they_read_more():
    found = plan(
        growth_rate=10,
        layers_per_block=(8,),
        connectivity={"name": "harmonic", "width_multiplier": 1.7},
    )
    widths = [node.shape[-1] for node in found.nodes if node.name.endswith("growth_conv")]
    assert widths == [
        10,
        18,
        10,
        28,
        10,
        18,
        10,
        50,
    ]  # 17, 28.9 and 49.13, to even numbers as hardnet.py does


def refused(**fields) -> str:
    with pytest.raises(SpecError) as caught:
        plan(**fields)
    return str(caught.value)


def explicit(layers, output="all"):
    return {
        "connectivity": {"name": "explicit", "layers": layers, "output": output},
        "layers_per_block": (3,),
    }


def test_an_explicit_list_is_followed():
    assert plan(**explicit(((0,), (1, 0), (0,)))).blocks[0].reads == ((0,), (0, 1), (0,))
    pattern = Explicit(name="explicit", layers=((0,), (0, 1), (2,), (3, 1)), output="rule")
    assert wired(pattern, 3, "block1", 0).output == (1, 3)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (explicit(((0,), (1,))), "expected 3 lists for block1, one per layer, found 2"),
        (
            explicit(((0,), (1,), (2,)), "rule"),
            "expected 4 lists for block1, one per layer and one for its output",
        ),
        (explicit(((0,), (), (2,))), "expected layer 2 of block1 to read something, found an empty list"),
        (explicit(((0,), (2,), (2,))), "expected layer 2 of block1 to read features 0 to 1, found 2"),
        (explicit(((0,), (0,), (2,), (3,)), "rule"), "expected layer 1 of block1 to be read; nothing does"),
        (explicit(((0,), (0,), (0,)), "odd_and_last"), "expected layer 2 of block1 to be read; nothing does"),
    ],
)
def test_what_is_refused(fields, said):
    found = refused(**fields)
    assert found.startswith("network.connectivity")
    assert said in found


def test_a_rule_that_leaves_a_layer_unread_is_refused():
    """A window of 1 is a chain: what the chain's output does not gather is read by its follower alone."""
    assert wired(Log(name="log", output="rule"), 1, "block1", 0).output == (0, 1)


def mutated(flips: int, seed: int = 0):
    return {"name": "explicit", "layers": ((0,), (0, 1), (0, 1, 2), (3,)), "flips": flips, "seed": seed}


def read_by(connectivity):
    network = example(layers_per_block=(4,), connectivity=connectivity)
    return plan_network(network, (8, 8, 1), 10).blocks[0].reads


def test_flips_mutate_an_explicit_list():
    listed = read_by(mutated(0))
    assert listed == ((0,), (0, 1), (0, 1, 2), (3,))
    for seed in range(20):
        one, three = read_by(mutated(1, seed)), read_by(mutated(3, seed))
        assert differing(listed, one) == 1
        assert differing(listed, three) == 3
        assert all(layer - 1 in each for layer, each in enumerate(three, start=1)), "the layer before stays"
    assert len({read_by(mutated(2, seed)) for seed in range(20)}) > 3


def test_more_flips_than_edges_flip_all():
    assert read_by(mutated(99)) == ((0,), (1,), (2,), (0, 1, 2, 3))


def differing(before, after):
    return sum(len(set(one) ^ set(other)) for one, other in zip(before, after, strict=True))
