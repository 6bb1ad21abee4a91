"""Connectivity matrices as characters."""

from dnsearch.plan.network import plan_network
from dnsearch.report.network_tables import matrices, matrix_lines
from dnsearch.spec.network import example


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
    from dnsearch.spec.network.families import UNet

    network = UNet.model_validate({"family": "unet", "unit": "conv", "channels": (4, 8)})
    assert "no dense block" in matrices(plan_network(network, (8, 8, 1), 2))
