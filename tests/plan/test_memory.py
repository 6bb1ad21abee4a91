"""Memory, receptive fields and matching."""

import json
from pathlib import Path

import pytest

from dnsearch.errors import SpecError
from dnsearch.plan.cost import cost, output_field
from dnsearch.plan.graph import Pool
from dnsearch.plan.limits import summary_of
from dnsearch.plan.memory import (
    Summary,
    inference_peak,
    kept_of,
    kept_plain,
    kept_recomputing,
    parts,
    recomputed_nodes,
)
from dnsearch.plan.network import matched, plan_network
from dnsearch.spec.document import load
from dnsearch.spec.network import example

CIFAR = (32, 32, 3)


def preset(name, *overrides):
    return plan_network(load(name, overrides).experiment.network, CIFAR, 10)


@pytest.mark.parametrize(
    ("name", "naive", "linear"), [("densenet-bc-100-12", 8.92, 2.47), ("densenet-bc-190-40", 88.9, 15.9)]
)
def test_numbers_kept_are_those_of_the_paper_on_memory(name, naive, linear):
    """Pleiss et al., 2017: millions of numbers per 32x32 image, of blocks and transitions.

    Left out are the head and the joined features that it reads. The naive count has the inputs of the blocks
    (stem and pooled) once, as joined features; the linear one has neither those nor any joined or
    normalised feature in front of a 1x1 convolution.
    """
    plan = preset(name)
    kept, again = [kept_of(node) for node in plan.nodes], recomputed_nodes(plan)
    rows = [(position, node) for position, node in enumerate(plan.nodes) if node.part != "head"][:-1]
    everything = sum(kept[i] for i, node in rows if node.name not in {"images", "stem_dropout"})
    first_norms = {i for i, node in rows if node.name.endswith("layer1_bottleneck_norm")}
    saved = sum(
        kept[i]
        for i, node in rows
        if node.part != "stem" and i not in again | first_norms and not isinstance(node.operation, Pool)
    )
    assert round(everything / 1e6, 2 if naive < 10 else 1) == naive
    assert round(saved / 1e6, 2 if linear < 10 else 1) == linear


def test_recomputing_memory_grows_with_the_layers_and_plain_with_their_square():
    plans = [plan_network(example(layers_per_block=(layers,)), CIFAR, 10) for layers in (8, 16, 32)]
    eight, sixteen, thirty_two = (kept_recomputing(plan) for plan in plans)
    assert sixteen / eight < 2.05
    assert thirty_two / sixteen < 2.05
    assert kept_plain(plans[2]) / kept_plain(plans[1]) > 2.8


def test_what_is_computed_again_is_joined_and_normalised_features_before_a_convolution():
    plan = plan_network(example(layers_per_block=(3,)), CIFAR, 10)
    names = {plan.nodes[position].name for position in recomputed_nodes(plan)}
    assert names == {f"block1_layer{i}_{what}" for i in (2, 3) for what in ("concat", "bottleneck_norm")}


def test_bytes_of_a_training():
    plan = plan_network(example(), (8, 8, 1), 10)
    over = round(2.75 * inference_peak(plan))
    fixed = 28_000_000 + 300_000 * len(plan.nodes) + 4 * 11 * cost(plan).parameters
    found = Summary(plan, batch_size=32, slots=2)
    assert found.training_memory_bytes == fixed + 4 * 32 * (kept_plain(plan) + over)
    assert found.recompute_memory_bytes == fixed + 4 * 32 * (kept_recomputing(plan) + over)


MEASURED = json.loads((Path(__file__).parents[1] / "benchmarks" / "memory.json").read_text(encoding="utf-8"))[
    "trainings"
]


@pytest.mark.parametrize("row", MEASURED, ids=[f"{row['network']}, {row['memory']}" for row in MEASURED])
def test_the_prediction_is_near_what_trainings_took(row):
    """Of trainings that make bench-memory measured; more than ten, within a fifth of the truth."""
    experiment = load(row["network"], [f"training.batch_size={row['batch_size']}"]).experiment
    plan = plan_network(experiment.network, tuple(row["image_shape"]), 10)
    summary = summary_of(experiment, plan)
    plain, recompute = summary.training_memory_bytes, summary.recompute_memory_bytes
    predicted = plain if row["memory"] == "plain" else recompute
    assert len(MEASURED) > 10
    assert predicted == pytest.approx(row["peak_bytes"], rel=0.2)


def test_inference_peak_of_a_chain_counts_two_neighbours():
    plan = plan_network(
        example(layers_per_block=(1,), bottleneck_width=None, stem={"channels": 4}), (8, 8, 1), 10
    )
    # stem 4, and beside it the normalised copy of 4; then the 12 new ones and the joined 16
    assert inference_peak(plan) == 64 * (4 + 12 + 16)


def test_parts_add_up():
    plan = preset("densenet-bc-100-12")
    rows = parts(plan)
    assert sum(part.cost.trainable for part in rows) == 769_162
    assert sum(part.kept for part in rows) == kept_plain(plan)
    assert [(part.name, part.layers, part.edges) for part in rows if part.layers] == [
        (f"block{number}", 16, 136) for number in (1, 2, 3)
    ]


def test_summary_of_bc_100_12():
    found = Summary(preset("densenet-bc-100-12"), batch_size=64, slots=1)
    assert (found.layers, found.edges, found.output_stride) == (48, 408, 4.0)
    assert found.weights_bytes == 4 * 793_150
    assert found.optimizer_bytes == 4 * 769_162
    assert found.recompute_memory_bytes < 0.45 * found.training_memory_bytes


@pytest.mark.parametrize(
    ("fields", "sees", "stride"),
    [
        ({"layers_per_block": (1,)}, 5, 1),  # 3x3, 3x3
        ({"layers_per_block": (4,)}, 11, 1),
        ({"layers_per_block": (1, 1)}, 10, 2),  # 5, pooling 6, then 3x3 at stride 2: 10
        ({"layers_per_block": (1,), "stem": {"kernel": 7, "stride": 2, "pooling": "max"}}, 19, 4),
    ],
)
def test_receptive_field(fields, sees, stride):
    found = output_field(plan_network(example(**fields), CIFAR, 10))
    assert (found.receptive_field, found.stride) == (sees, stride)


def test_matching_parameters():
    network = load("densenet-bc-100-12", ["network.connectivity=log"]).experiment.network
    found = matched(network, CIFAR, 10, "parameters", 769_162)
    assert found.growth_rate == 15
    assert abs(found.off) < 0.02
    assert (
        found.reached
        == cost(plan_network(network.model_copy(update={"growth_rate": 15}), CIFAR, 10)).trainable
    )


def test_matching_is_the_closest_of_all():
    network = example(connectivity={"name": "chain"})
    reached = {
        k: cost(plan_network(network.model_copy(update={"growth_rate": k}), CIFAR, 10)).macs
        for k in range(1, 80)
    }
    closest = min(reached, key=lambda k: abs(reached[k] - reached[40] - 5))
    assert matched(network, CIFAR, 10, "macs", reached[40] + 5).growth_rate == closest == 40


def test_matching_per_block_rounds_each_on_its_own():
    network = load(
        "article", ["network.growth_rate=[12, 12, 12]", "network.connectivity=log"]
    ).experiment.network
    found = matched(network, CIFAR, 10, "parameters", 489_160)
    assert len(set(found.growth_rate)) > 1
    assert abs(found.off) < 0.02


def test_a_budget_that_cannot_be_met_is_refused():
    network = load("article", ["network.connectivity=log"]).experiment.network
    with pytest.raises(SpecError) as caught:
        matched(network, CIFAR, 10, "parameters", 489_160)
    assert str(caught.value) == (
        "match\n"
        "  expected a growth rate that brings parameters within 2% of 489,160, "
        "found 458,170 at growth_rate 14, -6.3%\n"
        "  With growth_rate as a list, one per block, each is rounded on its own and comes closer."
    )


def test_a_network_without_growth_cannot_be_matched():
    with pytest.raises(SpecError, match="expected a network with a growth rate to solve for"):
        matched(load("unet-64").experiment.network, (256, 256, 1), 2, "parameters", 1_000_000)


def test_a_head_that_reads_all_blocks_still_sees_through_the_last_one():
    networks = (
        example(layers_per_block=(1, 1), head={"reads": reads}) for reads in ("last_block", "all_blocks")
    )
    fields = [output_field(plan_network(network, CIFAR, 10)) for network in networks]
    assert fields[0] == fields[1]
