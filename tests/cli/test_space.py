"""``dnsearch space``: a search space measured from the command line."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from dnsearch.spec.document import load, settings


def test_it_says_how_large_the_space_is_and_what_it_holds(dnsearch):
    ran = dnsearch("space", "speculations", "--samples", "200", "--trials", "10")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0].startswith(
        "space     3,600 configurations, times the continuous network.connectivity.probability"
    )
    assert lines[1].startswith("feasible  ")
    assert lines[1].endswith("of 200 even samples")
    assert any(line.startswith("  refused by non_decreasing network.layers_per_block: ") for line in lines)
    assert "parameters" in lines
    assert "training_memory_bytes" in lines
    assert [line for line in lines if line.endswith("◀ at most 100.0k")]
    assert lines[-1].startswith("time      no basis: no runs on these images by this machine; train one")
    assert not Path("runs").exists()


def test_the_same_as_json(dnsearch):
    ran = dnsearch("space", "speculations", "--samples", "200", "--json", "--seed", "3")
    again = dnsearch("space", "speculations", "--samples", "200", "--json", "--seed", "3")
    assert ran.out == again.out, "equal seeds draw equal points"
    found = json.loads(ran.out)
    assert found["configurations"] == 3600
    share = found["feasible_share"]
    assert share["low"] < share["value"] == found["feasible"] / 200 < share["high"]
    assert (
        sum(found["costs"]["macs"]["counts"])
        == 200 - found["refused"]["non_decreasing network.layers_per_block"]
    )
    assert found["estimate"] == {"trials": 50, "trial_seconds": None, "basis_runs": 0}


@pytest.mark.parametrize("host", [socket.gethostname(), "elsewhere"])
def test_the_time_is_scaled_from_runs_on_this_machine(dnsearch, run_folder, host):
    folder = run_folder(Path("runs/one"))
    data = {
        key: value
        for key, value in settings(load("speculations").experiment).items()
        if key.startswith("data.")
    }
    record = folder.read()
    record = replace(
        record, settings={**record.settings, **data}, macs=1_000_000, epochs=5, wall_seconds=50.0
    )
    folder.write(replace(record, process={"host": host, "pid": 1}))
    found = json.loads(dnsearch("space", "speculations", "--samples", "200", "--json").out)["estimate"]
    if host == "elsewhere":
        assert found["trial_seconds"] is None
    else:
        assert found["basis_runs"] == 1
        assert 1 < found["trial_seconds"] < 500


def test_a_spec_without_a_search(dnsearch):
    ran = dnsearch("space", "article")
    assert ran.code == 2
    assert "expected a tune section, found none in article" in ran.err
