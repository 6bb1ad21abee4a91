"""Tables of networks, presets and data sets."""

import json

from rich.console import Console

from dnsearch.plan.memory import Summary
from dnsearch.plan.network import plan_network
from dnsearch.report.tables import (
    comparison,
    image_table,
    layer_table,
    matrices,
    matrix_lines,
    network_json,
    network_table,
    preset_table,
)
from dnsearch.spec.document import load
from dnsearch.spec.network import example

PLAN = plan_network(load("densenet-bc-100-12").experiment.network, (32, 32, 3), 10)
TOTALS = Summary(PLAN, batch_size=64, slots=1)


def shown(table, width=80) -> str:
    console = Console(width=width, record=True, color_system=None, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123  (closed with the test)
    with console.file:
        console.print(table)
    return console.export_text()


def test_a_row_per_part_with_its_share():
    said = shown(network_table("bc", PLAN, TOTALS, 64))
    assert "…" not in said
    assert [line.split()[0] for line in said.splitlines()[3:10]] == [
        *("stem", "block1", "transition1", "block2", "transition2", "block3", "head")
    ]
    assert "all         10            48   408    769,162 100%" in said
    assert "793,150 parameters in all: 769,162 trainable, 23,988 moving statistics" in said
    assert "a training with batches of 64 takes 2.8 GB" in " ".join(said.split())


def test_a_row_per_node():
    said = shown(layer_table("bc", PLAN), width=120)
    assert sum("Convolution" in line for line in said.splitlines()) == 1 + 96 + 2
    assert "block1_layer1_growth_conv" in said


def test_networks_side_by_side_have_ratios_to_the_first():
    half = plan_network(example(layers_per_block=(2,), growth_rate=4), (32, 32, 3), 10)
    said = shown(comparison([("large", "12", TOTALS), ("small", "4", Summary(half, 64, 1))]))
    assert "…" not in said
    assert "769,162" in said
    assert "k 12" in said
    assert f"{Summary(half, 64, 1).edges / TOTALS.edges:.2f}x" in said


def test_json_holds_what_the_table_shows():
    told = json.loads(json.dumps(network_json("bc", PLAN, TOTALS)))
    assert told["parameters"] == {"trainable": 769_162, "other": 23_988, "total": 793_150}
    assert (told["macs"], told["edges"], told["layers"]) == (287_929_692, 408, 48)
    assert sum(part["macs"] for part in told["parts"]) == told["macs"]
    assert told["training_memory_bytes"]["recompute"] < told["training_memory_bytes"]["plain"]


def test_presets_with_source_and_result():
    rows = [
        {
            "name": "a-net",
            "source": "A paper",
            "published": "5 % error",
            "parameters": 1234,
            "macs": 5_600_000,
        }
    ]
    said = shown(preset_table(rows))
    for words in ("a-net", "1,234", "5.6M", "5 % error", "A paper"):
        assert words in said


def plan(**fields):
    return plan_network(example(**fields), (32, 32, 3), 10)


def cells(line: str) -> list[str]:
    return line.split()[1:]


def test_rows_are_layers_and_columns_features():
    lines = matrix_lines(plan(layers_per_block=(4,), connectivity={"name": "log"}).blocks[0])
    rows = {line.split()[0]: cells(line) for line in lines if line.split()[0] in {"1", "2", "3", "4", "out"}}
    assert rows["1"] == ["■"]
    assert rows["3"] == ["·", "■", "■"]
    assert rows["4"] == ["■", "·", "■", "■"]
    assert rows["out"] == ["■"] * 5


def test_sixteen_layers_fit_eighty_columns():
    assert max(map(len, matrix_lines(plan(layers_per_block=(16,)).blocks[0]))) <= 80


def test_equal_blocks_are_shown_once():
    said = matrices(plan(layers_per_block=(3, 3, 5)))
    assert "block1 and block2: 3 layers, 6 edges each" in said
    assert "block3: 5 layers, 15 edges" in said


def test_a_network_without_dense_blocks_says_so():
    from dnsearch.spec.network import UNet

    network = UNet.model_validate({"family": "unet", "unit": "conv", "channels": (4, 8)})
    assert "no dense block" in matrices(plan_network(network, (8, 8, 1), 2))


def collection(**changes):
    fields = {
        "name": "pets",
        "image_shape": (32, 30, 3),
        "classes": [
            {"name": "cat", "training": 1200, "validation": 10},
            {"name": "[red]dog", "training": 3, "validation": 1},
        ],
        "images": {"training": 1203, "validation": 11},
        "counted": "images",
        "scaling": {"offset": (125.0, 0.0, 1.5), "scale": (63.25, 255.0, 2.0)},
    }
    return fields | changes


def lines_of(images):
    return [" ".join(line.split()) for line in shown(image_table(images), 60).splitlines() if line.strip()]


def test_a_data_set_has_a_row_per_class():
    assert lines_of(collection())[0] == "pets, 32x30x3, 2 classes"
    lines = lines_of(collection())
    assert "cat 1,200 10" in lines and "[red]dog 3 1" in lines and "images 1,203 11" in lines
    assert lines[-3:] == [
        "channel 1: (pixel - 125) / 63.25",
        "channel 2: (pixel - 0) / 255",
        "channel 3: (pixel - 1.5) / 2",
    ]


def test_many_channels_are_not_all_told():
    lines = lines_of(collection(scaling={"offset": (0.0,) * 9, "scale": (1.0,) * 9}))
    assert lines[-1] == "and 5 more channels"
