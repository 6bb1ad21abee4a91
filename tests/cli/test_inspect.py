"""``dnsearch inspect``."""

import json
import subprocess
import sys

import pytest


def test_a_table_of_the_parts(dnsearch):
    ran = dnsearch("inspect", "spec.yaml")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].strip() == "tiny, 8x8x1, 10 classes"
    assert [
        line.split()[0] for line in lines if line.startswith(("stem", "block", "transition", "head"))
    ] == [
        "stem",
        "block1",
        "transition1",
        "block2",
        "head",
    ]
    assert "1,766" in ran.out
    assert "1,902 parameters in all: 1,766 trainable, 136 moving statistics" in ran.out


@pytest.mark.parametrize("preset", ["article", "densenet-bc-250-24", "starter"])
def test_the_table_fits_80_columns(dnsearch, preset):
    ran = dnsearch("inspect", preset)
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
    assert "…" not in ran.out


def test_the_table_fits_a_terminal_that_says_how_wide_it_is(tmp_path):
    program = "from dnsearch.cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "inspect", "article"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"COLUMNS": "72", "PATH": ""},
        check=True,
    )
    assert max(len(line.rstrip()) for line in ran.stdout.splitlines()) <= 72
    assert ran.stderr == ""


def test_as_json(dnsearch):
    ran = dnsearch("inspect", "spec.yaml", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    wanted = {"name", "parameters", "macs", "output_elements", "edges", "image_shape", "classes", "parts"}
    assert wanted <= set(found)
    assert {"plain", "recompute"} == set(found["training_memory_bytes"])
    assert found["name"] == "tiny"
    assert found["parameters"] == {"trainable": 1766, "other": 136, "total": 1902}
    assert found["macs"] == 65_124
    assert (found["image_shape"], found["classes"]) == ([8, 8, 1], 10)


def test_the_parts_add_up(dnsearch):
    found = json.loads(dnsearch("inspect", "article", "--json").out)
    for part in found["parts"]:
        assert {"name", "shape", "layers", "edges", "parameters", "macs", "kept_elements"} <= set(part)
    assert (
        sum(part["parameters"]["total"] for part in found["parts"]) == found["parameters"]["total"] == 504_052
    )
    assert sum(part["macs"] for part in found["parts"]) == found["macs"]


def test_a_changed_spec(dnsearch):
    found = json.loads(dnsearch("inspect", "spec.yaml", "--json", "--set", "network.growth_rate=8").out)
    assert found["parameters"]["trainable"] > 1766


def test_several_specs_stand_side_by_side(dnsearch):
    told = json.loads(dnsearch("inspect", "article", "article-log", "--json").out)
    assert [each["name"] for each in told] == ["article", "article-log"]
    assert abs(told[1]["parameters"]["trainable"] / told[0]["parameters"]["trainable"] - 1) <= 0.02
    assert told[0]["match"] is None
    assert told[1]["match"]["target"] == told[0]["parameters"]["trainable"]
    ran = dnsearch("inspect", "article", "article-log")
    closest = "growth_rate [14, 14, 16] comes closest to 489,160 parameters: 496,966, +1.60%"
    assert f"article-log: {closest}" in ran.err
    assert closest in dnsearch("check", "article-log").err
    table = ran.out
    assert "0.47x" in table  # edges, of 234
    assert "k 14-14-16" in table


def test_layers_and_matrices(dnsearch):
    assert "block1_layer1_growth_conv" in dnsearch("inspect", "starter", "--layers").out
    assert "block1 and block2: 3 layers, 6 edges each" in dnsearch("inspect", "starter", "--matrix").out


def test_limits_and_lifting_them(dnsearch):
    tight = ("inspect", "starter", "--set", "limits.parameters=1000")
    refused = dnsearch(*tight)
    assert refused.code == 2
    assert "expected at most 1,000 trainable parameters, found 21,074" in refused.err
    assert dnsearch(*tight, "--no-limits").code == 0


def test_presets_and_pictures(dnsearch, tmp_path):
    listed = json.loads(dnsearch("presets", "--json").out)
    assert {"article", "densenet-121", "fc-densenet-103"} <= {preset["name"] for preset in listed}
    assert all(preset["source"] for preset in listed)
    assert dnsearch("draw", "starter", "-o", str(tmp_path / "network.svg")).code == 0
    assert (tmp_path / "network.svg").stat().st_size > 1000


def test_early_epochs_that_see_less_are_told(dnsearch):
    stages = "training.progressive=[{epochs: 1, examples: 0.5, image_size: [6, 6]}]"
    ran = dnsearch("inspect", "spec.yaml", "--set", stages)
    assert (ran.code, ran.err) == (0, "tiny: to epoch 1: 50 % of the images at 6x6; then all as they are\n")
