"""U-Nets: the published counts, sizes, skips and what is refused."""

import pytest

from dnsearch.errors import SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.graph import Link
from dnsearch.plan.network import plan_network
from dnsearch.spec.document import load
from dnsearch.spec.network import UNet


def unet(**fields):
    return UNet.model_validate({"family": "unet", "growth_rate": 4, "layers_per_block": (2, 2, 2), **fields})


def plan(image_shape=(16, 16, 1), **fields):
    return plan_network(unet(**fields), image_shape, 3)


def test_fc_densenet_67_counts_what_its_rules_say():
    """Jégou et al., 2017: 3.5M; counted from the rules, 11 classes, RGB."""
    found = cost(plan_network(load("fc-densenet-67").experiment.network, (224, 224, 3), 11))
    assert (found.trainable, found.parameters) == (3_463_243, 3_502_923)


@pytest.mark.parametrize(("preset", "millions"), [("fc-densenet-56", 1.4), ("fc-densenet-103", 9.4)])
def test_other_fc_densenets_have_the_papers_size(preset, millions):
    """The paper rounds 1.4 to 1.5 (table 3)."""
    found = cost(plan_network(load(preset).experiment.network, (224, 224, 3), 11))
    assert round(found.parameters / 1e6, 1) == millions


def test_the_classic_unet():
    """Ronneberger et al., 2015, with biases, 1 channel in, 2 classes: 31,030,658."""
    assert cost(plan_network(load("unet-64").experiment.network, (256, 256, 1), 2)).trainable == 31_030_658


def test_dense_blocks_make_a_unet_much_smaller():
    ours, classic = (load(preset).experiment.network for preset in ("article-unet", "unet-64"))
    small, large = (cost(plan_network(network, (256, 256, 1), 2)).trainable for network in (ours, classic))
    assert large / small > 20


@pytest.mark.parametrize("fields", [{}, {"unit": "conv", "channels": (4, 8, 16)}])
def test_an_image_comes_out_at_its_own_size(fields):
    found = plan((16, 24, 1), **fields)
    assert found.nodes[-1].shape == (16, 24, 3)
    assert found.links == (Link("down2", "up2", "skip"), Link("down1", "up1", "skip"))
    assert found.parts[:4] == ("stem", "down1", "transition1", "down2")
    assert found.parts[-4:] == ("bottleneck", "up2", "up1", "head")


def test_only_new_features_are_brought_up():
    found = {node.name: node for node in plan().nodes}
    everything = {node.name: node for node in plan(up_reads="all").nodes}
    below = lambda nodes, of: of.nodes[nodes["up2_transposed"].inputs[0]].shape  # noqa: E731  (used twice, here)
    assert below(found, plan())[-1] == 8
    assert below(everything, plan(up_reads="all"))[-1] > 8
    assert found["up2_transposed"].shape == everything["up2_transposed"].shape == (8, 8, 8)


def test_one_switch_between_the_units():
    both = {"channels": (4, 8, 16)}
    assert plan(**both).blocks
    assert not plan(**both, unit="conv").blocks


def test_what_dense_blocks_can_do_they_can_do_here():
    found = plan(
        bottleneck_width=4, connectivity={"name": "log"}, compression=0.5, pooling="both", activation="gelu"
    )
    assert found.blocks[0].reads == ((0,), (0, 1))
    assert "down1_layer1_bottleneck_conv" in {node.name for node in found.nodes}


@pytest.mark.parametrize(
    ("fields", "shape", "said"),
    [
        (
            {},
            (18, 16, 1),
            "network.layers_per_block\n"
            "  expected sides that are multiples of 4, since 3 levels halve them 2 times, found 18x16",
        ),
        (
            {"unit": "conv", "channels": (4, 8)},
            (7, 8, 1),
            "network.channels\n  expected sides that are multiples of 2",
        ),
        (
            {"stem": {"stride": 2}},
            (16, 16, 1),
            "expected stride: 1 and pooling: none; a U-Net puts out every pixel",
        ),
    ],
)
def test_what_does_not_fit_is_refused(fields, shape, said):
    with pytest.raises(SpecError) as caught:
        plan(shape, **fields)
    assert said in str(caught.value)


def test_a_unit_needs_its_fields():
    with pytest.raises(SpecError) as caught:
        load("starter", ["network={family: unet, unit: conv}"])
    assert "network.channels\n  unit: conv needs it, and it is missing" in str(caught.value)
