"""How a plan is cut into layers."""

from dnsearch.model.build import units
from dnsearch.plan.graph import BatchNorm, Convolution
from dnsearch.plan.network import plan_network
from dnsearch.spec.network import example


def cut(**fields):
    return units(plan_network(example(**fields), (8, 8, 1), 10))


def names(unit):
    return [type(node.operation).__name__ for node in unit.nodes]


def test_every_node_is_in_one_unit_and_in_order():
    plan = plan_network(example(dropout=0.2), (8, 8, 1), 10)
    assert [node for unit in units(plan) for node in unit.nodes] == list(plan.nodes)


def test_a_layer_is_two_units():
    found = [unit for unit in cut(layers_per_block=(2,)) if unit.nodes[0].name.startswith("block1_layer2")]
    assert [names(unit) for unit in found] == [
        ["Concatenate", "BatchNorm", "Activation", "Convolution"],
        ["BatchNorm", "Activation", "Convolution"],
    ]


def test_a_block_output_that_one_transition_reads_joins_it():
    found = [
        unit for unit in cut(layers_per_block=(1, 1)) if unit.nodes[-1].name == "transition1_compression_conv"
    ]
    assert names(found[0]) == ["Concatenate", "BatchNorm", "Activation", "Convolution"]


def test_a_head_without_activation_ends_at_its_norm():
    found = [unit for unit in cut(head={"activation": False}) if unit.nodes[-1].name == "head_norm"]
    assert names(found[0]) == ["Concatenate", "BatchNorm"]


def test_a_unit_reads_only_what_units_put_out():
    found = cut(stem={"normalize": True, "pooling": "max"}, dropout=0.2, dropout_after="every")
    outputs = {unit.output for unit in found}
    assert all(position in outputs for unit in found for position in unit.inputs)


def test_at_most_one_norm_and_one_convolution_in_a_unit():
    for unit in cut(convolution_bias=True):
        kinds = [type(node.operation) for node in unit.nodes]
        assert kinds.count(BatchNorm) <= 1
        assert kinds.count(Convolution) <= 1
