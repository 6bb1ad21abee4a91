"""The format as a JSON Schema, and what is said of it in words."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dnsearch.spec import complaints, presets, schema
from dnsearch.spec.document import load
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.overlay import BRANCHES, SHORTHANDS
from dnsearch.spec.reading import read
from dnsearch.spec.section import Section
from dnsearch.spec.tree import entry

Path = tuple[str | int, ...]


def sections(section: type[Section] = Section) -> Iterator[type[Section]]:
    for below in section.__subclasses__():
        yield below
        yield from sections(below)


def leaves(path: Path = ()) -> Iterator[Path]:
    """Every path of the format that no longer path begins with."""
    found = False
    for alternative in schema.at(path):
        parts = [*alternative.get("properties", {}), *range(len(alternative.get("prefixItems", ())))]
        parts += [0] * ("items" in alternative and isinstance(alternative["items"], dict))
        parts += ["network.growth_rate"] * isinstance(alternative.get("additionalProperties"), dict)
        for part in parts:
            found = True
            yield from leaves((*path, part))
    if not found:
        yield path


LEAVES = sorted(set(leaves()), key=str)
CHOICE: Path = ("tune", "parameters", "network.growth_rate", 0)


def test_the_walk_meets_every_field() -> None:
    fields = {field.alias or name for section in sections() for name, field in section.model_fields.items()}
    assert {str(part) for path in LEAVES for part in path} >= fields
    assert {
        ("network", "growth_rate"),
        ("network", "layers_per_block", 0),
        ("network", "alpha", "stem"),
        ("network", "batch_norm", "momentum"),
        ("data", "image_shape", 2),
        ("training", "optimizer", "nesterov"),
        ("training", "optimizer", "beta_1"),
        ("training", "schedule", "at", 0),
        ("training", "early_stopping", "patience"),
        ("expect", "macs"),
        ("tune", "trials"),
        CHOICE,
    } <= set(LEAVES)


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.__name__)
def test_every_section_and_every_field_is_described(section: type[Section]) -> None:
    assert (section.__doc__ or "").strip().endswith(".")
    for name, field in section.model_fields.items():
        assert field.description, f"{section.__name__}.{name} has no description"
        assert field.description.rstrip().endswith("."), f"{section.__name__}.{name}: {field.description}"


def test_the_schema_is_json() -> None:
    text = json.dumps(schema.json_schema(), allow_nan=False)
    assert json.loads(text) == schema.json_schema()
    assert schema.json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema.json_schema()["required"] == ["version", "name", "network", "data", "training"]


def references(part: Any) -> Iterator[str]:
    match part:
        case dict():
            yield from filter(None, [part.get("$ref")])
            for below in part.values():
                yield from references(below)
        case list():
            for below in part:
                yield from references(below)


def test_every_reference_leads_somewhere() -> None:
    root = schema.json_schema()
    found = set(references(root))
    assert found
    assert {reference.removeprefix("#/$defs/") for reference in found} <= set(root["$defs"])


def test_unknown_keys_are_forbidden_everywhere() -> None:
    root = schema.json_schema()
    for name, definition in {"": root, **root["$defs"]}.items():
        assert definition["additionalProperties"] is False, name


@pytest.mark.parametrize("key", SHORTHANDS)
def test_short_forms_are_of_the_schema(key: str) -> None:
    section = "network" if key == "alpha" else "training"
    scalar, *others = schema.at((section, key))
    if key == "alpha":
        assert (scalar["minimum"], scalar["maximum"]) == (0, 1)
    else:
        names = [other["properties"]["name"]["const"] for other in others]
        assert scalar["enum"] == names
        assert len(names) >= 3
    assert all(set(SHORTHANDS[key]) <= set(other["properties"]) for other in others if "properties" in other)


@pytest.mark.parametrize("key", BRANCHES)
def test_kinds_are_told_by_a_field_that_exists(key: str) -> None:
    field, dropped = BRANCHES[key]
    path = (key,) if key in {"network", "data"} else ("training", key)
    assert field in schema.keys(path)
    assert set(dropped or ()) <= set(schema.keys(path))


# Questions


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_every_field_can_be_told_in_words(path: Path) -> None:
    said = schema.expectation(path)
    if path == CHOICE:
        assert said == "any value"
    else:
        assert said
        assert "something else" not in said
        assert "any value" not in said
    assert complaints.description(path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("version",), "1"),
        (
            ("name",),
            "text of at most 100 letters, digits, dots, dashes and underscores, a letter or digit first",
        ),
        (("extends",), "text or null"),
        (("network",), "a mapping"),
        (("network", "growth_rate"), "a whole number from 1 to 1024"),
        (("network", "layers_per_block"), "a list of 1 to 8 values"),
        (("network", "layers_per_block", 7), "a whole number from 1 to 512"),
        (("network", "bottleneck_width"), "a whole number from 1 to 64 or null"),
        (("network", "compression"), "a number above 0 and at most 1"),
        (("network", "dropout"), "a number of at least 0 and below 1"),
        (("network", "pooling"), "avg or max"),
        (("network", "convolution_bias"), "true or false"),
        (("network", "batch_norm"), "a mapping with momentum or epsilon"),
        (
            ("network", "alpha"),
            "a number from 0 to 1 or a mapping with stem, layers, transitions or head or null",
        ),
        (("network", "stem", "kernel"), "3, 5 or 7"),
        (("data", "path"), "text that is not empty or null"),
        (("data", "image_shape"), "a list of 3 values or null"),
        (("data", "image_shape", 2), "a whole number from 1 to 64"),
        (("training", "optimizer", "momentum"), "a number of at least 0 and below 1"),
        (("training", "schedule", "at", 3), "a number above 0 and below 1"),
        (("tune", "parameters"), "a mapping of 1 to 100 entries"),
        (("tune", "trial_timeout_seconds"), "a number above 0 or null"),
        (("expect",), "a mapping with parameters, parameters_total or macs or null"),
    ],
)
def test_expectations(path: Path, said: str) -> None:
    assert schema.expectation(path) == said


@pytest.mark.parametrize(
    "path",
    [
        ("reduction",),
        ("network", "reduction"),
        ("network", "growth_rate", "x"),
        ("network", 0),
        ("network", "layers_per_block", "x"),
        ("data", "image_shape", 3),
        ("training", "sgd"),
        ("training", "optimizer", "sgd"),
    ],
)
def test_paths_that_no_spec_has(path: Path) -> None:
    assert schema.at(path) == ()
    assert schema.keys(path) == ()
    assert schema.expectation(path) == "something else"


def test_keys_of_a_section_of_several_kinds() -> None:
    every = {"name", "momentum", "nesterov", "weight_decay", "decay", "beta_1", "beta_2", "epsilon"}
    assert set(schema.keys(("training", "optimizer"))) == every
    tree = read(b"training: {optimizer: {name: adamw}, schedule: {final_fraction: 1}}", "a.yaml")
    assert schema.keys(("training", "optimizer"), tree) == (
        *("name", "beta_1", "beta_2", "epsilon", "weight_decay"),
    )
    assert set(schema.keys(("training", "schedule"), tree)) == {"name", "at", "factor", "final_fraction"}


def test_a_tree_tells_which_kind_is_meant() -> None:
    path = ("training", "optimizer", "weight_decay")
    for name, beginning in {"sgd": "Decay of every", "adam": "Coupled", "adamw": "Decoupled"}.items():
        tree = read(f"training: {{optimizer: {{name: {name}}}}}".encode(), "a.yaml")
        assert complaints.description(path, tree).startswith(beginning)
    assert len(schema.at(path)) == 3


def test_options_of_a_plain_schema_are_itself() -> None:
    assert list(schema.options({"type": "integer"})) == [{"type": "integer"}]
    assert [
        option["type"] for option in schema.options({"anyOf": [{"type": "null"}, {"type": "string"}]})
    ] == [
        "null",
        "string",
    ]


@pytest.mark.parametrize(
    ("words", "said"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_either(words: list[str], said: str) -> None:
    assert schema.either(words) == said


# The schema and the validator agree


@pytest.mark.parametrize("name", presets.names())
def test_every_field_of_a_preset_is_of_the_schema(name: str) -> None:
    def check(path: Path, value: Any) -> None:
        assert schema.at(path), path
        if isinstance(value, dict):
            for key, below in value.items():
                check((*path, key), below)

    check((), Experiment.model_dump(load(name).experiment, mode="json", by_alias=True))


def test_defaults_are_what_the_schema_says() -> None:
    network = load("densenet-40-12").experiment.network
    root = schema.json_schema()["$defs"]["DenseNet"]["properties"]
    assert root["pooling"]["default"] == network.pooling
    assert root["batch_norm"]["default"] == network.batch_norm.model_dump()


def test_entry_of_a_tree() -> None:
    tree = read(b"a: [1, {b: 2}]", "a.yaml")
    items = entry(tree, "a")
    assert entry(items, 1) is not None
    assert entry(items, 2) is None
    assert entry(items, "b") is None
    assert entry(tree, 0) is None
    assert entry(None, "a") is None
