"""The Markdown reference: every section, kind and field of the format, each once, in words."""

import re

import pytest

from dnsearch.spec import json_schema
from dnsearch.spec.reference import HEADING, markdown_reference

TEXT = markdown_reference()
SECTIONS = dict(re.findall(r"^## `?([\w.]+|The document)`?\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))
KINDS = {
    "network": ["densenet", "unet"],
    "network.connectivity": ["dense", "log", "harmonic", "window", "chain", "strided", "random", "explicit"],
    "training.optimizer": ["sgd", "adam", "adamw", "lion", "muon"],
    "training.schedule": ["constant", "step", "cosine", "linear", "one_cycle"],
}


def entries(section: str) -> list[str]:
    """The lines that tell of a field."""
    return re.findall(r"^- (`\w[\w.]*:.*)$", SECTIONS[section], re.M)


def entry(section: str, field: str) -> list[str]:
    return [line for line in entries(section) if line.startswith(f"`{field}:")]


def test_opens_with_what_it_is() -> None:
    assert TEXT.startswith(HEADING)
    assert TEXT.endswith(".\n")


def test_every_section_once() -> None:
    titles = re.findall(r"^## (.*)$", TEXT, re.M)
    assert len(titles) == len(set(titles))
    assert titles[0] == "The document"
    assert {title.strip("`") for title in titles[1:]} == {
        *("network", "network.connectivity", "network.alpha", "network.batch_norm", "network.stem"),
        *("network.cross_block", "network.head", "data", "training", "training.optimizer"),
        *("training.schedule", "training.augmentation", "training.augmentation.erasing", "training.ema"),
        *("training.augmentation.rand_augment", "training.early_stopping", "training.progressive"),
        *("match", "limits", "tune", "tune.parameters", "tune.relations", "tune.relations.sum_at_most"),
        *("tune.constraints", "tune.confirm", "compare", "compare.pairs", "compare.retune", "expect"),
    }


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "The document"])
def test_every_field_of_a_section(section: str) -> None:
    several = {
        "parameters": ("parameters", "network.alpha"),
        "relations": ("relations", 0),
        "progressive": ("progressive", 0),
    }
    kinds = json_schema.at(tuple(part for name in section.split(".") for part in several.get(name, (name,))))
    fields = {key for kind in kinds for key in kind.get("properties", {})}
    assert {line.partition(":")[0].strip("`") for line in entries(section)} == fields


@pytest.mark.parametrize("section", SECTIONS)
def test_no_entry_is_repeated(section: str) -> None:
    told = [re.sub(r" \[[\w, ]+\]", "", line) for line in entries(section)]
    assert len(told) == len(set(told))


@pytest.mark.parametrize(("section", "kinds"), KINDS.items())
def test_every_kind_once(section: str, kinds: list[str]) -> None:
    assert re.findall(r"^- `(\w+)`: \S", SECTIONS[section], re.M) == kinds
    (choice,) = [line for line in entries(section) if re.match(r"`(name|family):", line)]
    assert choice == entries(section)[0]
    assert choice.endswith(f"{json_schema.either(kinds)}.")


def test_what_kinds_share_is_told_once_and_what_differs_names_its_kind() -> None:
    assert len(entry("network", "dropout")) == 1
    assert [line.split("`")[1] for line in entry("network", "pooling")] == ["pooling: avg", "pooling: max"]
    assert [re.findall(r"\[([\w, ]+)\]", line)[0] for line in entry("training.optimizer", "beta_2")] == [
        "adam, adamw",
        "lion",
    ]


@pytest.mark.parametrize(
    ("section", "field", "beginning"),
    [
        ("network", "growth_rate", "`growth_rate:` [densenet] (**required**, integer 1–1024 or list) "),
        ("network", "compression", "`compression: 0.5` [densenet] (>0 ≤1 or null) "),
        ("network", "connectivity", "`connectivity: dense` "),
        ("network.stem", "channels", "`channels: null` (integer 1–4096) "),
        ("network.stem", "normalize", "`normalize: false` BatchNorm "),
        ("training", "seed", "`seed: 0` (≥0) "),
        ("tune.parameters", "int", "`int:` [int] (**required**, list of 2) "),
    ],
)
def test_an_entry_has_default_and_values(section: str, field: str, beginning: str) -> None:
    assert entry(section, field)[0].startswith(beginning)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_entry_ends_as_a_sentence(section: str) -> None:
    assert entries(section)
    assert all(line.endswith(".") for line in entries(section))


def test_large_numbers_are_written_out() -> None:
    assert not re.search(r"\de\+", TEXT)
