"""``dnsearch check``."""

import json

import pytest


@pytest.mark.parametrize(
    "preset", ["article", "densenet-40-12", "densenet-bc-100-12", "speculations", "starter"]
)
def test_presets_are_valid(dnsearch, preset):
    ran = dnsearch("check", preset)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith(f"{preset}: valid, ")


def test_a_valid_spec_says_what_it_costs(dnsearch):
    ran = dnsearch("check", "spec.yaml")
    expected = "spec.yaml: valid, 1,766 trainable parameters, 65,124 multiply-adds\n"
    assert (ran.code, ran.out, ran.err) == (0, "", expected)


def test_every_problem_of_every_spec_and_how_many(dnsearch, tmp_path):
    text = (tmp_path / "spec.yaml").read_text()
    (tmp_path / "other.yaml").write_text(text.replace("growth_rate: 4,", "growth_rate: -4, reduction: 0.5,"))
    ran = dnsearch("check", "spec.yaml", "other.yaml", "startr", "starter")
    assert ran.code == 2
    assert "spec.yaml: valid" in ran.err
    assert "starter: valid" in ran.err
    assert (
        "other.yaml:3:24  network.growth_rate\n  expected a whole number from 1 to 1024, found -4" in ran.err
    )
    assert "network.reduction\n  unknown key; did you mean compression?" in ran.err
    assert ran.err.endswith("\n3 problems; nothing was run.\n")


def test_valid_as_json(dnsearch):
    ran = dnsearch("check", "spec.yaml", "--json")
    assert (ran.code, json.loads(ran.out)) == (0, {"valid": True, "problems": []})


def test_problems_as_json(dnsearch):
    ran = dnsearch("check", "spec.yaml", "--json", "--set", "network.growth_rate=-4", "--set", "nothing=1")
    found = json.loads(ran.out)
    assert ran.code == 2
    assert found["valid"] is False
    first, second = found["problems"]
    assert first["path"] == "nothing"
    assert second == {
        "file": "--set",
        "line": 1,
        "column": 21,
        "path": "network.growth_rate",
        "expected": "a whole number from 1 to 1024",
        "found": "-4",
        "hint": second["hint"],
    }
    assert "the paper's k" in second["hint"]
    assert "2 problems; nothing was run." in ran.err


def test_a_wrong_expectation(dnsearch, tmp_path):
    text = (tmp_path / "spec.yaml").read_text()
    (tmp_path / "spec.yaml").write_text(text + "expect:\n  parameters: 1767\n  macs: 65124\n")
    ran = dnsearch("check", "spec.yaml")
    assert ran.code == 2
    assert "expect.parameters\n  expected what the plan has: 1,766, found 1,767" in ran.err
    assert "expect.macs" not in ran.err
    assert "spec.yaml:12:15" in ran.err


def test_an_expectation_is_not_asked_of_a_changed_spec(dnsearch, tmp_path):
    text = (tmp_path / "spec.yaml").read_text()
    (tmp_path / "spec.yaml").write_text(text + "expect: {parameters: 1766}\n")
    assert dnsearch("check", "spec.yaml").code == 0
    assert dnsearch("check", "spec.yaml", "--set", "network.growth_rate=8").code == 0


@pytest.fixture
def absent(dnsearch, tmp_path):
    text = (tmp_path / "spec.yaml").read_text()
    absent = text.replace("source: digits, training_examples: 200", "source: npz, path: absent.npz")
    (tmp_path / "absent.yaml").write_text(absent)
    return dnsearch


def test_missing_data_does_not_hide_the_problems_of_other_specs(absent):
    ran = absent("check", "absent.yaml", "startr", "--json")
    assert ran.code == 2
    assert "absent.npz" in ran.err
    assert "did you mean starter?" in ran.err
    assert ran.err.endswith("\n1 problem; nothing was run.\n")
    data, name = sorted(json.loads(ran.out)["problems"], key=lambda problem: problem["path"])
    assert data["path"] == "data"
    assert "absent.npz" in data["expected"]
    assert name["path"] == "startr"


def test_missing_data_alone_is_a_matter_of_data(absent):
    ran = absent("check", "absent.yaml", "spec.yaml")
    assert ran.code == 3
    assert "spec.yaml: valid" in ran.err
    assert ran.err.count("absent.npz") == 1
