"""``dnsearch compare`` as a person uses it: real trainings on the digits, a kill, wrong inputs."""

import json
import signal

import pytest
import yaml
from small_study import program, wait_until

SPEC = {
    "version": 1,
    "name": "tiny",
    "network": {"growth_rate": 4, "layers_per_block": [1, 1]},
    "data": {"source": "digits", "training_examples": 200},
    "training": {"epochs": 2, "batch_size": 50, "learning_rate": 0.1},
}
TWO_VALUES = (
    "--vary\n  expected a field and two or more of its values, such as network.pooling=avg,max, found"
)
VARY = "--vary", "network.pooling=avg,max", "--pairs", "6", "--workers", "2"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(SPEC))
    return tmp_path


def dnsearch(place, *arguments):
    running = program(place, *arguments)
    out, said = running.communicate(timeout=300)
    return running.returncode, out, said


@pytest.mark.slow
def test_a_comparison_that_was_killed_comes_to_the_same_verdict(place):
    running = program(place, "compare", "tiny.yaml", *VARY, "--runs", "killed")
    pairs = place / "killed" / "tiny-pooling" / "pairs"
    wait_until(lambda: len([*pairs.glob("*/weights.npz")]) >= 3)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    code, out, said = dnsearch(place, "compare", "tiny.yaml", *VARY, "--runs", "killed", "--json")
    assert code == 0, said
    assert "pairs: 12 of 12 runs" in said
    code, whole, said = dnsearch(place, "compare", "tiny.yaml", *VARY, "--runs", "whole", "--json")
    assert code == 0, said
    found, there = json.loads(out), json.loads(whole)
    for key in ("contrasts", "test", "sentences", "pairs", "plan"):
        assert found[key] == there[key], key
    assert [arm["validation"] for arm in found["arms"]] == [arm["validation"] for arm in there["arms"]]
    code, out, said = dnsearch(place, "compare", "tiny.yaml", *VARY, "--runs", "whole")
    assert code == 0
    assert f"{there['sentences'][0][1:40]}" in out.replace("\n", " ")
    assert "6 pairs, margin 0.5 points of accuracy" in out
    assert "report: whole/tiny-pooling/report.html" in said
    assert there["sentences"][0][1:40] in (place / "whole/tiny-pooling/report.html").read_text()
    first, second = (f"whole/tiny-pooling/pairs/pair-001-{arm}" for arm in ("avg", "max"))
    code, out, said = dnsearch(place, "compare", first, second)
    assert code == 0, said
    assert "network.pooling" in out
    assert "(McNemar)" in out
    assert "Single runs say little about their settings" in out


TWO_VALUES = "--vary\n  expected a field and two or more of its values, such as "


@pytest.mark.parametrize(
    ("vary", "text"),
    [
        (None, "compare\n  expected a compare section, found none in tiny\n  Add compare: with arms:"),
        ("network.pooling", TWO_VALUES),
        ("network.pooling=avg", TWO_VALUES),
        ("network.pooling=avg,avg", TWO_VALUES),
        ("network.pooling=[avg", TWO_VALUES),
        ("network.poolin=avg,max", "unknown key; did you mean pooling?"),
        ("network.pooling=avg,maks", "arm maks:1:1  network.pooling\n  expected avg, max, both or conv"),
    ],
)
def test_what_varies_is_refused_where_it_makes_no_sense(place, vary, text):
    code, _, said = dnsearch(place, "compare", "tiny.yaml", *(("--vary", vary) if vary else ()))
    assert (code, text in said) == (2, True), said


def test_other_wrong_inputs(place):
    code, _, said = dnsearch(place, "compare", "tiny.yaml", "--pairs", "3")
    assert (code, "Input should be greater than or equal to 6" in said) == (2, True), said
    code, _, said = dnsearch(place, "compare", "runs/a", "runs/b")
    assert code == 4
    assert "runs/a\n  expected a run folder, with its run.json, found nothing" in said


def test_check_reads_the_comparison(place):
    spec = SPEC | {"compare": {"arms": {"a": {}, "b": {"network.pooling": "avg"}}}}
    (place / "tiny.yaml").write_text(yaml.safe_dump(spec))
    code, _, said = dnsearch(place, "check", "tiny.yaml")
    assert code == 2
    assert "compare.arms.b\n  expected another network or training, found that of a" in said
