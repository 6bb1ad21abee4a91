"""Each experiment introduces itself, loads, and has the network that it expects."""

import re
from pathlib import Path

import pytest

from dnsearch.front_door import planned_spec
from dnsearch.spec.document import load

FOLDER = Path(__file__).parents[1] / "experiments"
EXPERIMENTS = sorted(FOLDER.glob("*.yaml"))
HEADINGS = ("Paper:", "Run:", "Time:", "Result:", "Checked:")


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
class TestExperiment:
    def test_introduces_itself(self, path):
        head = path.read_text(encoding="utf-8").partition("version:")[0]
        assert all(line.startswith("#") for line in head.splitlines())
        for heading in HEADINGS:
            assert re.search(rf"^# {heading} +\S", head, re.M), heading

    def test_is_named_like_its_file(self, path):
        assert load(str(path)).experiment.name == path.stem

    def test_has_the_network_that_it_expects(self, path):
        expect = load(str(path)).experiment.expect
        assert expect is not None
        assert expect.parameters is not None
        assert planned_spec(str(path), ()).summary.cost.trainable == expect.parameters

    def test_runs_as_its_head_says(self, path):
        assert (
            f"dnsearch {'tune' if load(str(path)).experiment.tune else 'train'} experiments/{path.name}"
            in path.read_text(encoding="utf-8")
        )


def test_there_are_experiments():
    assert len(EXPERIMENTS) >= 4
