"""Counts that papers and reference code fix."""

import pytest

from dnsearch.plan.cost import Cost, cost, node_cost, total
from dnsearch.plan.memory import parts
from dnsearch.plan.network import plan_network
from dnsearch.spec.document import load
from dnsearch.spec.network import example

CIFAR = (32, 32, 3)

COUNTED = [
    # preset, classes, trainable, all, multiply-adds in millions; source
    ("article", 10, 489_160, 504_052, None),  # the article's code, counted with Keras 3.15
    ("densenet-40-12", 10, 1_019_722, 1_037_818, 264.8),  # Huang et al., table 2: 1.0M
    ("densenet-bc-100-12", 10, 769_162, 793_150, 287.9),  # Huang et al., table 2: 0.8M
    ("densenet-bc-250-24", 10, 15_324_406, 15_582_382, 5_418.8),  # Huang et al., table 2: 15.3M
    ("densenet-bc-100-12", 100, 800_032, None, None),  # the same with CIFAR-100's classes
]


@pytest.mark.parametrize(("preset", "classes", "trainable", "every", "millions"), COUNTED)
def test_presets_count_what_their_sources_say(preset, classes, trainable, every, millions):
    found = cost(plan_network(load(preset).experiment.network, CIFAR, classes))
    assert found.trainable == trainable
    assert every is None or found.parameters == every
    assert millions is None or round(found.macs / 1e6, 1) == millions


def test_densenet_121_counts_what_keras_applications_counts():
    """FAMILY: 7,978,856 trainable, 8,062,504 in all (keras.applications), 2,834.2M multiply-adds."""
    network = example(
        growth_rate=32,
        layers_per_block=(6, 12, 24, 16),
        stem={"kernel": 7, "stride": 2, "normalize": True, "pooling": "max"},
    )
    found = cost(plan_network(network, (224, 224, 3), 1000))
    assert (found.trainable, found.parameters) == (7_978_856, 8_062_504)
    assert round(found.macs / 1e6, 1) == 2_834.2


def test_costs_of_single_nodes():
    plan = plan_network(example(convolution_bias=True), (8, 8, 1), 10)
    by_name = {node.name: node_cost(plan, node) for node in plan.nodes}
    assert by_name["stem_conv"] == Cost(3 * 3 * 1 * 24 + 24, 0, 64 * 3 * 3 * 1 * 24, 64 * 24)
    assert by_name["block1_layer1_bottleneck_norm"] == Cost(48, 48, 0, 64 * 24)
    assert by_name["block1_layer1_growth_conv"] == Cost(9 * 48 * 12 + 12, 0, 64 * 9 * 48 * 12, 64 * 12)
    assert by_name["block1_layer2_concat"] == Cost(0, 0, 0, 64 * 36)
    assert by_name["transition1_pool"] == Cost(0, 0, 0, 16 * 24)
    channels = plan.nodes[-2].shape[0]
    assert by_name["head_classifier"] == Cost(channels * 10 + 10, 0, channels * 10, 10)


def test_parts_add_up_to_the_whole():
    plan = plan_network(example(), (16, 16, 3), 5)
    found = {part.name: part.cost for part in parts(plan)}
    assert list(found) == ["stem", "block1", "transition1", "block2", "transition2", "block3", "head"]
    assert total(found.values()) == cost(plan)


@pytest.mark.parametrize("field", ["dropout", "pooling", "activation"])
def test_what_has_no_weights_costs_none(field):
    changed = {
        "dropout": {"dropout": 0.2},
        "pooling": {"pooling": "max"},
        "activation": {"activation": "leaky_relu", "alpha": {"layers": 0.3}},
    }[field]
    plain, other = (cost(plan_network(example(**fields), (8, 8, 1), 10)) for fields in ({}, changed))
    assert (plain.trainable, plain.other, plain.macs) == (other.trainable, other.other, other.macs)
