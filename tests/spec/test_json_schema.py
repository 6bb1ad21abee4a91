"""The JSON Schema accepts what the parser accepts, and refuses what no spec may say.

Rules between fields are the parser's alone; everything that an editor can check, the schema says.
"""

import math
import re
from typing import Any

import pytest

from dnsearch.errors import SpecError
from dnsearch.spec import presets
from dnsearch.spec.document import load, parse, resolved_yaml
from dnsearch.spec.json_schema import Schema, json_schema, resolved
from dnsearch.spec.tree import plain
from dnsearch.spec.yaml import read

TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (tuple,),
    "object": (dict,),
}
"""Those that a tree holds: sequences are tuples there."""


def valid(value: Any, schema: Schema) -> bool:
    """Whether a value is one of those that a schema describes: as much of the standard as ours needs."""
    schema = resolved(schema)
    if "anyOf" in schema and not any(valid(value, each) for each in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(valid(value, each) for each in schema["oneOf"]) != 1:
        return False
    if "const" in schema and not same(value, schema["const"]):
        return False
    if "enum" in schema and not any(same(value, each) for each in schema["enum"]):
        return False
    return "type" not in schema or of_type(value, schema)


def same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def of_type(value: Any, schema: Schema) -> bool:
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return False
    match value:
        case dict():
            return mapping(value, schema)
        case tuple():
            return listing(value, schema)
        case str():
            pattern = schema.get("pattern", "")
            return len(value) >= schema.get("minLength", 0) and bool(re.search(pattern, value))
        case bool() | None:
            return True
        case _:
            return within(value, schema)


def mapping(value: dict[str, Any], schema: Schema) -> bool:
    fields, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    others = [below for key, below in value.items() if key not in fields]
    return (
        set(schema.get("required", ())) <= set(value)
        and schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", math.inf)
        and all(valid(value[key], field) for key, field in fields.items() if key in value)
        and all(valid(below, more) if isinstance(more, dict) else more for below in others)
    )


def listing(value: tuple[Any, ...], schema: Schema) -> bool:
    first, items = schema.get("prefixItems", []), schema.get("items", {})
    rest = value[len(first) :]
    return (
        schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf)
        and all(valid(each, of) for each, of in zip(value, first, strict=False))
        and all(valid(each, items) for each in rest if isinstance(items, dict))
    )


def within(value: float, schema: Schema) -> bool:
    return schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf) and schema.get(
        "exclusiveMinimum", -math.inf
    ) < value < schema.get("exclusiveMaximum", math.inf)


def spec(network: str, more: str = "") -> str:
    """A spec whose network has some fields in place of, or beside, the two that it needs."""
    needed = {"growth_rate": "12", "layers_per_block": "[2, 2]"}
    fields = [f"{key}: {value}" for key, value in needed.items() if f"{key}:" not in network]
    return (
        f"version: 1\nname: a\nnetwork: {{{', '.join([*fields, network])}}}\n"
        f"data: {{source: digits}}\ntraining: {{epochs: 2, learning_rate: 0.1}}\n{more}"
    )


def accepted(text: str) -> bool:
    try:
        parse(text.encode(), "a.yaml")
    except SpecError:
        return False
    return True


GOOD = [
    *("connectivity: log", "connectivity: chain", "connectivity: [log, dense]", "connectivity: {}"),
    *("connectivity: {output: rule}", "connectivity: {name: window, size: 4}"),
    *("connectivity: [{name: window, size: 4}, log]", "connectivity: [{output: rule}, harmonic]"),
    *("connectivity: {name: harmonic, width_multiplier: 1.7, output: odd_and_last}",),
    *("connectivity: {name: strided, stride: 2}", "connectivity: {name: random, probability: 0.5, seed: 7}"),
    *("connectivity: {name: explicit, layers: [[0], [0, 1]]}",),
    *("cross_block: all", "cross_block: non_adjacent", "cross_block: null", "cross_block: {links: [[1, 2]]}"),
    *("cross_block: {links: all, downsampling: space_to_depth, compression: 0.5}",),
    *("head: all_blocks", "head: {activation: false}", "head: {reads: all_blocks, activation: true}"),
    *("growth_rate: [8, 16]", "bottleneck_width: null", "bottleneck_width: [4, null]", "dropout: [0, 0.5]"),
    *("compression: null", "pooling: both", "pooling: conv", "activation: mish"),
    *(
        "activation: prelu",
        "activation: prelu, alpha: 0.25",
        "activation: leaky_relu, alpha: {layers: [0, 1]}",
    ),
    *("family: densenet", "family: unet", "family: unet, unit: conv, channels: [8, 16], up_kernel: 2"),
    *("family: unet, compression: null, up_reads: all, pooling: conv, normalize: true, convolutions: 3",),
]
GOOD_MORE = [
    *("match: null", "match: {parameters: 100}", "match: {macs: article}", "limits: {}"),
    *("limits: {parameters: null, macs: 1, training_memory_bytes: 1}", "expect: {parameters: 1}"),
    *("tune: {parameters: {network.connectivity: [log, [log, dense], {name: window, size: 2}]}}",),
    *("tune: {parameters: {network.growth_rate: [[8, 16], 12]}}",),
]
BAD = [
    *("connectivity: lgo", "connectivity: window", "connectivity: [log, window]", "connectivity: []"),
    *(
        "connectivity: null",
        "connectivity: 3",
        "connectivity: {name: log, size: 3}",
        "connectivity: {size: 3}",
    ),
    *("connectivity: {name: window}", "connectivity: {name: window, size: 0}", "connectivity: [[log]]"),
    *(
        "connectivity: {name: harmonic, width_multiplier: 0.9}",
        "connectivity: {name: random, probability: 2}",
    ),
    *("connectivity: {name: explicit, layers: []}", "connectivity: {name: explicit, layers: [0]}"),
    *("cross_block: none", "cross_block: [[1, 2]]", "cross_block: {}", "cross_block: {links: []}"),
    *("cross_block: {links: [[1, 2, 2]]}", "cross_block: {links: [[0, 1]]}", "cross_block: true"),
    *("cross_block: {links: all, compression: 0}", "cross_block: {links: all, downsampling: min}"),
    *("head: blocks", "head: null", "head: {reads: all}", "growth_rate: 0", "growth_rate: []"),
    *("growth_rate: [12, 1025]", "growth_rate: null", "growth_rate: 1.5", "bottleneck_width: 65"),
    *("bottleneck_width: [0, 4]", "dropout: 1", "dropout: [0.1, 1]", "compression: 0", "compression: 1.1"),
    *(
        "pooling: min",
        "activation: swish",
        "activation: prelu, alpha: {layers: 2}",
        "layers_per_block: [257]",
    ),
    *("family: vgg", "family: unet, head: all_blocks", "family: unet, cross_block: all", "channels: [8, 16]"),
    *("unit: dense", "family: unet, unit: both", "family: unet, unit: conv, channels: [8]", "up_kernel: 2"),
    *("family: unet, layers_per_block: [2]", "family: unet, up_kernel: 4", "family: unet, convolutions: 17"),
]
BAD_MORE = [
    *("match: 3", "match: {parameters: 0}", "match: {macs: ''}", "match: {layers: 3}", "limits: null"),
    *("limits: {parameters: 0}", "limits: {macs: 1.5}", "limits: {memory: 1}", "limits: 3"),
]


@pytest.mark.parametrize("text", [*map(spec, GOOD), *(spec("", more) for more in GOOD_MORE)])
def test_what_the_parser_accepts_the_schema_accepts(text: str) -> None:
    assert accepted(text)
    assert valid(plain(read(text.encode(), "a.yaml")), json_schema())


@pytest.mark.parametrize("text", [*map(spec, BAD), *(spec("", more) for more in BAD_MORE)])
def test_what_the_schema_refuses_the_parser_refuses(text: str) -> None:
    assert not valid(plain(read(text.encode(), "a.yaml")), json_schema())
    assert not accepted(text)


@pytest.mark.parametrize("name", presets.names())
def test_presets_are_of_the_schema(name: str) -> None:
    resolved_text = resolved_yaml(load(name).experiment)
    assert valid(plain(read(resolved_text.encode(), "a.yaml")), json_schema())
    written = plain(read(presets.content(name), "a.yaml"))
    if "extends" not in written:
        assert valid(written, json_schema())


def test_this_validator_can_refuse() -> None:
    assert not valid({}, json_schema())
    assert not valid(True, {"type": "integer"})
    assert not valid(1.0, {"const": 1})
    assert not valid(2, {"oneOf": [{"type": "integer"}, {"type": "number"}]})
    assert not valid((1, 2), {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"const": 3}})
    assert not valid(
        {"a": 1, "b": 2}, {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    )
