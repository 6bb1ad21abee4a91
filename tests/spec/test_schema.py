"""The format as a JSON Schema, and what is asked of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dnsearch.spec import json_schema, presets, validation_errors
from dnsearch.spec.document import load
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.section import Section
from dnsearch.spec.tree import BRANCHES, LISTED, SHORTHANDS, entry
from dnsearch.spec.yaml import read

Path = tuple[str | int, ...]


def sections(section: type[Section] = Section) -> Iterator[type[Section]]:
    for below in section.__subclasses__():
        yield below
        yield from sections(below)


def leaves(path: Path = ()) -> Iterator[Path]:
    """Every path of the format that no longer path begins with."""
    found = False
    for alternative in json_schema.at(path):
        parts = [*alternative.get("properties", {}), *range(len(alternative.get("prefixItems", ())))]
        parts += [0] * ("items" in alternative and isinstance(alternative["items"], dict))
        parts += ["network.growth_rate"] * isinstance(alternative.get("additionalProperties"), dict)
        for part in parts:
            found = True
            yield from leaves((*path, part))
    if not found:
        yield path


LEAVES = sorted(set(leaves()), key=str)
SEARCHED: Path = ("tune", "parameters", "network.growth_rate")
ANYTHING = [(*SEARCHED, 0), (*SEARCHED, "choices", 0)]
"""What is checked as the field's own value, once it is laid over the spec."""


def test_the_walk_meets_every_field() -> None:
    fields = {field.alias or name for section in sections() for name, field in section.model_fields.items()}
    assert {str(part) for path in LEAVES for part in path} >= fields
    assert {
        ("network", "growth_rate", 0),
        ("network", "layers_per_block", 0),
        ("network", "bottleneck_width", 0),
        ("network", "connectivity", "output"),
        ("network", "connectivity", "size"),
        ("network", "connectivity", 0, "stride"),
        ("network", "connectivity", "layers", 0, 0),
        ("network", "cross_block", "links", 0, 1),
        ("network", "cross_block", "downsampling"),
        ("network", "head", "reads"),
        ("network", "channels", 0),
        ("network", "up_kernel"),
        ("network", "alpha", "stem"),
        ("network", "alpha", "layers", 0),
        ("match", "macs"),
        ("limits", "training_memory_bytes"),
        ("network", "batch_norm", "momentum"),
        ("data", "image_shape", 2),
        ("training", "optimizer", "nesterov"),
        ("training", "optimizer", "beta_1"),
        ("training", "schedule", "at", 0),
        ("training", "early_stopping", "patience"),
        ("expect", "macs"),
        ("tune", "trials"),
        *ANYTHING,
    } <= set(LEAVES)


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.__name__)
def test_every_section_and_every_field_is_described(section: type[Section]) -> None:
    assert (section.__doc__ or "").strip().endswith(".")
    schema = json_schema.json_schema()
    for name, field in schema["$defs"].get(section.__name__, schema)["properties"].items():
        assert field.get("description", "").rstrip().endswith("."), f"{section.__name__}.{name}: {field}"


def test_the_schema_is_json() -> None:
    text = json.dumps(json_schema.json_schema(), allow_nan=False)
    assert json.loads(text) == json_schema.json_schema()
    assert json_schema.json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json_schema.json_schema()["required"] == ["version", "name", "network", "data", "training"]


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
    root = json_schema.json_schema()
    found = set(references(root))
    assert found
    assert {reference.removeprefix("#/$defs/") for reference in found} <= set(root["$defs"])


def test_unknown_keys_are_forbidden_everywhere() -> None:
    root = json_schema.json_schema()
    for name, definition in {"": root, **root["$defs"]}.items():
        assert definition["additionalProperties"] is False, name


SHORT = {
    "optimizer": {"enum": ["sgd", "adam", "adamw", "lion", "muon"]},
    "schedule": {"enum": ["constant", "step", "cosine", "linear", "one_cycle"]},
    "ema": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    "alpha": {"type": "number", "minimum": 0, "maximum": 1},
    "connectivity": {"enum": ["dense", "log", "harmonic", "chain"]},  # the others need more than their name
    "cross_block": {"enum": ["all", "non_adjacent"], "type": "string"},
    "head": {"enum": ["last_block", "all_blocks"], "type": "string"},
}


def path_of(key: str) -> Path:
    return ("training", key) if key in {"optimizer", "schedule", "ema"} else ("network", key)


@pytest.mark.parametrize("key", SHORTHANDS)
def test_short_forms_are_of_the_schema(key: str) -> None:
    scalar, *others = json_schema.at(path_of(key))
    assert {name: value for name, value in scalar.items() if name != "description"} == SHORT[key]
    mappings = [other for other in others if "properties" in other]
    assert mappings
    assert all(set(SHORTHANDS[key]) <= set(mapping["properties"]) for mapping in mappings)


@pytest.mark.parametrize("key", LISTED)
def test_short_forms_may_stand_in_a_list(key: str) -> None:
    lists = [each for each in json_schema.at(path_of(key)) if each.get("type") == "array"]
    assert lists
    for listed in lists:
        scalar, *_ = json_schema.options(listed["items"])
        assert scalar == SHORT[key]


@pytest.mark.parametrize("key", BRANCHES)
def test_kinds_are_told_by_a_field_that_exists(key: str) -> None:
    field, _, dropped = BRANCHES[key]
    path = (key,) if key in {"network", "data"} else path_of(key)
    assert field in json_schema.keys(path)
    assert set(dropped or ()) <= set(json_schema.keys(path))


@pytest.mark.parametrize("key", [key for key, (_, kind, _) in BRANCHES.items() if kind])
def test_the_default_kinds_need_not_say_what_they_are(key: str) -> None:
    field, default, _ = BRANCHES[key]
    kinds = json_schema.at((key,) if key == "network" else path_of(key))
    silent = {json_schema.kind(each) for each in kinds if field not in each.get("required", ())}
    assert silent - {""} == {default}


def test_what_only_one_family_has_goes_with_the_family() -> None:
    densenet, unet = (set(section["properties"]) for section in json_schema.at(("network",)))
    assert set(BRANCHES["network"][-1] or ()) == densenet ^ unet


# Questions


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_every_field_can_be_told_in_words(path: Path) -> None:
    said = validation_errors.expectation(path)
    if path in ANYTHING:
        assert said == "any value"
    else:
        assert said
        assert "something else" not in said
        assert "any value" not in said
    assert validation_errors.description(path)


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
    assert json_schema.at(path) == ()
    assert json_schema.keys(path) == ()
    assert validation_errors.expectation(path) == "something else"


def test_keys_of_a_section_of_several_kinds() -> None:
    every = {
        "name",
        "momentum",
        "nesterov",
        "weight_decay",
        "decay",
        "decayed",
        "beta_1",
        "beta_2",
        "epsilon",
    }
    assert set(json_schema.keys(("training", "optimizer"))) == every
    tree = read(b"training: {optimizer: {name: adamw}, schedule: {name: cos}}", "a.yaml")
    assert json_schema.keys(("training", "optimizer"), tree) == (
        *("name", "beta_1", "beta_2", "epsilon", "weight_decay", "decayed"),
    )
    schedules = {"name", "at", "factor", "final_fraction", "initial_fraction", "peak_at"}
    assert set(json_schema.keys(("training", "schedule"), tree)) == schedules


def test_a_kind_is_told_though_keys_are_missing() -> None:
    tree = read(b"network: {family: densenet, connectivity: {name: window}}", "a.yaml")
    growth = ("network", "growth_rate")
    assert (
        validation_errors.expectation(growth, tree)
        == "a whole number from 1 to 1024 or a list of 1 to 8 values"
    )
    assert json_schema.keys(("network", "connectivity"), tree) == ("name", "output", "size")
    assert "channels" not in json_schema.keys(("network",), tree)


def test_a_tree_tells_which_kind_is_meant() -> None:
    path = ("training", "optimizer", "weight_decay")
    for name, beginning in {"sgd": "Decay of the weights", "adam": "Coupled", "adamw": "Decoupled"}.items():
        tree = read(f"training: {{optimizer: {{name: {name}}}}}".encode(), "a.yaml")
        assert validation_errors.description(path, tree).startswith(beginning)
    assert len(json_schema.at(path)) == 5


def test_options_of_a_plain_schema_are_itself() -> None:
    assert list(json_schema.options({"type": "integer"})) == [{"type": "integer"}]
    assert [
        option["type"] for option in json_schema.options({"anyOf": [{"type": "null"}, {"type": "string"}]})
    ] == [
        "null",
        "string",
    ]


# The schema and the validator agree


@pytest.mark.parametrize("name", presets.names())
def test_every_field_of_a_preset_is_of_the_schema(name: str) -> None:
    def check(path: Path, value: Any) -> None:
        assert json_schema.at(path), path
        if isinstance(value, dict):
            for key, below in value.items():
                if key not in {"choices", "when"}:  # what they hold is the person's own
                    check((*path, key), below)

    check((), Experiment.model_dump(load(name).experiment, mode="json", by_alias=True))


def test_defaults_are_what_the_schema_says() -> None:
    network = load("densenet-40-12").experiment.network
    root = json_schema.json_schema()["$defs"]["DenseNet"]["properties"]
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
