"""How a plan is cut into what one layer can compute."""

from dnsearch.plan.graph import units
from dnsearch.plan.network import plan_network
from dnsearch.spec.network import UNet, example


def cut(**fields):
    """The names of each unit's nodes, and of their operations."""
    plan = plan_network(example(**fields), (8, 8, 1), 10)
    found = [plan.nodes[unit.start : unit.stop] for unit in units(plan)]
    return [([node.name for node in run], [type(node.operation).__name__ for node in run]) for run in found]


PREACTIVATED = ["Concatenate", "BatchNorm", "Activation", "Convolution"]


def test_every_node_is_in_one_unit_and_in_order():
    plan = plan_network(example(dropout=0.2), (8, 8, 1), 10)
    assert [position for unit in units(plan) for position in unit] == list(range(len(plan.nodes)))


def test_a_layer_is_two_units():
    found = [kinds for names, kinds in cut(layers_per_block=(2,)) if names[0].startswith("block1_layer2")]
    assert found == [PREACTIVATED, PREACTIVATED[1:]]


def test_a_block_output_that_one_transition_reads_joins_it():
    found = [
        kinds for names, kinds in cut(layers_per_block=(1, 1)) if names[-1] == "transition1_compression_conv"
    ]
    assert found == [PREACTIVATED]


def test_a_head_without_activation_ends_at_its_norm():
    found = [kinds for names, kinds in cut(head={"activation": False}) if names[-1] == "head_norm"]
    assert found == [PREACTIVATED[:2]]


def test_without_a_norm_each_node_is_a_unit():
    network = UNet.model_validate({"family": "unet", "unit": "conv", "channels": (4, 8)})
    assert {len(unit) for unit in units(plan_network(network, (8, 8, 1), 2))} == {1}


def test_a_unit_reads_only_what_units_put_out():
    network = example(stem={"normalize": True, "pooling": "max"}, dropout=0.2, dropout_after="every")
    plan = plan_network(network, (8, 8, 1), 10)
    outputs = {unit[-1] for unit in units(plan)}
    assert all(position in outputs for unit in units(plan) for position in plan.nodes[unit.start].inputs)
    assert all(
        plan.nodes[position].inputs == (position - 1,) for unit in units(plan) for position in unit[1:]
    )
