"""The Markdown reference: every section, kind and field of the format, each once, in words."""

import re

import pytest

from dnsearch.spec import json_schema
from dnsearch.spec.json_schema import HEADING, markdown_reference

TEXT = markdown_reference()
SECTIONS = dict(re.findall(r"^## `?([\w.]+|The document)`?\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))


def rows(section: str) -> list[list[str]]:
    """The cells of every field's row."""
    return [line.strip("|").split(" | ") for line in SECTIONS[section].splitlines() if line.startswith("| `")]


def fields(section: str) -> list[str]:
    return [row[0].strip(" `") for row in rows(section)]


def test_opens_with_what_it_is() -> None:
    assert TEXT.startswith(HEADING)
    assert TEXT.endswith("|\n")


def test_every_section_once() -> None:
    titles = re.findall(r"^## (.*)$", TEXT, re.M)
    assert len(titles) == len(set(titles))
    assert titles[0] == "The document"
    named = {title.strip("`") for title in titles[1:]}
    assert named == {
        *("network", "network.connectivity", "network.alpha", "network.batch_norm", "network.stem"),
        *("network.cross_block", "network.head", "data", "training", "training.optimizer"),
        *("training.schedule", "training.augmentation", "training.augmentation.erasing", "training.ema"),
        *("training.augmentation.rand_augment", "training.early_stopping", "training.progressive"),
        *("match", "limits", "tune", "tune.parameters", "tune.relations", "tune.relations.sum_at_most"),
        *("tune.constraints", "tune.confirm", "compare", "compare.pairs", "compare.retune"),
        *("compare.retune.training.learning_rate", "expect"),
    }


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "The document"])
def test_every_field_of_a_section(section: str) -> None:
    several = {
        "parameters": ("parameters", "network.alpha"),
        "relations": ("relations", 0),
        "progressive": ("progressive", 0),
    }
    names = re.findall(r"training\.learning_rate|[^.]+", section)  # one key of compare.retune
    kinds = json_schema.at(tuple(part for name in names for part in several.get(name, (name,))))
    assert set(fields(section)) == {key for kind in kinds for key in kind.get("properties", {})}


@pytest.mark.parametrize(
    ("section", "kinds"),
    [
        ("network", ["densenet", "unet"]),
        (
            "network.connectivity",
            ["dense", "log", "harmonic", "window", "chain", "strided", "random", "explicit"],
        ),
        ("training.optimizer", ["sgd", "adam", "adamw", "lion", "muon"]),
        ("training.schedule", ["constant", "step", "cosine", "linear", "one_cycle"]),
        ("network.stem", []),
    ],
)
def test_every_kind_once(section: str, kinds: list[str]) -> None:
    assert re.findall(r"^`(\w+)`: \S", SECTIONS[section], re.M) == kinds
    assert SECTIONS[section].count("| field |") == max(1, len(kinds))


def test_what_tells_the_kind_comes_first() -> None:
    for section, field in [("network", "family"), ("network.connectivity", "name")]:
        first = re.findall(r"^\|---.*\n\| `(\w+)`", SECTIONS[section], re.M)
        assert set(first) == {field}


def test_a_kind_says_what_it_is_called_and_whether_it_must() -> None:
    names = [row[1:3] for row in rows("training.optimizer") if "`name`" in row[0]]
    assert names == [["sgd", '`"sgd"`'], *([name, "required"] for name in ("adam", "adamw", "lion", "muon"))]
    families = [row[1:3] for row in rows("network") if "`family`" in row[0]]
    assert families == [["densenet", '`"densenet"`'], ["unet", "required"]]


def test_each_family_has_its_own_ranges() -> None:
    growth = [row[1:3] for row in rows("network") if "`growth_rate`" in row[0]]
    values = "a whole number from 1 to 1024 or a list of 1 to 8 values"
    assert growth == [[values, "required"], [f"{values} or null", "`null`"]]
    pooling = [row[2] for row in rows("network") if "`pooling`" in row[0]]
    assert pooling == ['`"avg"`', '`"max"`']


@pytest.mark.parametrize("section", SECTIONS)
def test_every_cell_is_filled(section: str) -> None:
    assert rows(section)
    for row in rows(section):
        assert len(row) == 4, row
        assert all(cell.strip() for cell in row), row
        assert row[3].rstrip(" |").endswith("."), row
        assert "something else" not in row[1]


def test_large_numbers_are_written_out() -> None:
    assert not re.search(r"\de\+", TEXT)
