"""No network of the whole grammar, however strange, does anything but fit or be refused, soon."""

import os
import time
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsearch.errors import SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.limits import Planned, planned
from dnsearch.spec import presets
from dnsearch.spec.data_section import Facts
from dnsearch.spec.document import fingerprint, parse, resolved_yaml
from dnsearch.spec.json_schema import Schema, at, options, resolved

MAX_SECONDS = 1.0

EXAMPLES = int(os.environ.get("DNSEARCH_EXAMPLES", "25"))
ROUNDS = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
REST = {
    "version": 1,
    "name": "a",
    "data": {"source": "digits"},
    "training": {"epochs": 1, "learning_rate": 0.1},
}
SHAPES = st.sampled_from([(8, 8, 1), (32, 32, 3), (33, 47, 3), (1, 1, 1), (224, 224, 3)])


def answered(text: str, shape: tuple[int, int, int]) -> Planned | None:
    """The network, or nothing where it is refused as it should be; either within a second."""
    start = time.process_time()
    try:
        return planned(parse(text.encode(errors="surrogatepass"), "a.yaml"), Facts(shape, 10, masks=None))
    except SpecError as error:
        assert error.problems
        assert str(error).encode()
        assert all(problem.place for problem in error.problems), str(error)
        return None
    finally:
        assert time.process_time() - start < MAX_SECONDS


def holds(found: Planned | None) -> None:
    """What is true of every network that fits."""
    if found is None:
        return
    assert found.summary.cost == cost(found.plan)
    assert all(side > 0 for node in found.plan.nodes for side in node.shape)
    assert found.summary.cost.trainable > 0
    assert found.summary.recompute_memory_bytes <= found.summary.training_memory_bytes
    again = parse(resolved_yaml(found.document.experiment).encode(), "again.yaml").experiment
    assert again.network == found.document.experiment.network
    assert fingerprint(again) == fingerprint(found.document.experiment)


# Values that the schema describes


def values(schema: Schema, *, tame: bool = True) -> st.SearchStrategy[Any]:
    """Values of a schema; tame ones keep small, so that most networks fit."""
    return st.one_of([_values(option, tame) for option in options(resolved(schema))])


def _values(schema: Schema, tame: bool) -> st.SearchStrategy[Any]:
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "integer":
            low, high = schema.get("minimum", 0), schema.get("maximum", 10**13)
            return st.integers(low, min(high, low + 8) if tame else high)
        case "number":
            return _numbers(schema)
        case "array":
            return _lists(schema, tame)
        case "object":
            return _mappings(schema, tame)
        case "boolean":
            return st.booleans()
        case "string":
            return st.sampled_from(["article", "densenet-bc-40-12", "unet-64", "article-log", "nothing"])
        case _:
            return st.none()


def _numbers(schema: Schema) -> st.SearchStrategy[float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 4))
    return st.floats(
        low,
        high,
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_subnormal=False,
    )


def _lists(schema: Schema, tame: bool) -> st.SearchStrategy[list[Any]]:
    if "prefixItems" in schema:
        return st.tuples(*(values(each, tame=tame) for each in schema["prefixItems"])).map(list)
    low, high = schema.get("minItems", 0), schema.get("maxItems", 8)
    return st.lists(values(schema["items"], tame=tame), min_size=low, max_size=min(high, 3 if tame else 8))


def _mappings(schema: Schema, tame: bool) -> st.SearchStrategy[dict[str, Any]]:
    fields = {key: values(field, tame=tame) for key, field in schema["properties"].items()}
    required = {key: fields.pop(key) for key in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def network(family: int, *, tame: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A whole network section: every field is drawn from what the schema says of it."""
    return _mappings(at(("network",))[family], tame)


def text(sections: dict[str, Any]) -> str:
    return str(yaml.safe_dump({**REST, **sections}, allow_unicode=True, sort_keys=False))


Matches = st.one_of([_mappings(at(("match",))[0], tame=False), st.none()])
Limits = _mappings(at(("limits",))[0], tame=False)


@ROUNDS
@given(network(0, tame=True), SHAPES)
def test_small_densenets(found: dict[str, Any], shape: tuple[int, int, int]) -> None:
    holds(answered(text({"network": found}), shape))


@ROUNDS
@given(network(1, tame=True), SHAPES)
def test_small_unets(found: dict[str, Any], shape: tuple[int, int, int]) -> None:
    holds(answered(text({"network": found}), shape))


@ROUNDS
@given(st.integers(0, 1).flatmap(lambda family: network(family, tame=False)), SHAPES, Matches, Limits)
def test_networks_of_any_size(
    found: dict[str, Any], shape: tuple[int, int, int], match: dict[str, Any] | None, limits: dict[str, Any]
) -> None:
    holds(answered(text({"network": found, "match": match, "limits": limits}), shape))


@settings(ROUNDS, max_examples=EXAMPLES // 5)  # each tries dozens of networks itself
@given(
    st.integers(1, 1024) | st.lists(st.integers(1, 64), min_size=1, max_size=8),
    st.lists(st.integers(1, 256), min_size=1, max_size=8),
    st.sampled_from(["dense", "log", "chain"]),
    st.sampled_from(["parameters", "macs"]),
    st.integers(1, 10**10),
)
def test_matches_are_found_or_refused_soon(
    growth_rate: int | list[int], layers: list[int], connectivity: str, figure: str, target: int
) -> None:
    found = {"growth_rate": growth_rate, "layers_per_block": layers, "connectivity": connectivity}
    holds(answered(text({"network": found, "match": {figure: target}}), (256, 256, 3)))


# Presets with something exchanged

PRESETS = {name: presets.content(name).decode() for name in presets.names()}
PUT = [
    *("null", "[]", "{}", "0", "1", "-1", "256", "1024", "0.001", "[256, 256, 256]", "[1, 2, 3, 4, 5]", "x"),
    *("log", "[log, dense, chain]", "{name: window, size: 3}", "{name: explicit, layers: [[0]]}", "unet"),
    *("densenet", "all", "{links: [[1, 3]]}", "all_blocks", "conv", "both", "prelu", "{stem: 1}", "article"),
    *("{output: rule}", "{name: random, probability: 0.5}", "{parameters: 100000}", "true"),
]
FIELDS = sorted(
    {
        key
        for section in ("network", "match", "limits")
        for each in at((section,))
        for key in each.get("properties", {})
    }
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A preset in which lines got another value, and fields came in from anywhere in the grammar."""
    lines = PRESETS[draw(st.sampled_from(sorted(PRESETS)))].splitlines()
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        put = draw(st.sampled_from(PUT))
        if draw(st.booleans()):
            lines[number] = f"{lines[number].partition(':')[0]}: {put}"
        elif "network:" in lines:
            lines.insert(lines.index("network:") + 1, f"  {draw(st.sampled_from(FIELDS))}: {put}")
    return "\n".join(lines)


@ROUNDS
@given(mutated(), SHAPES)
def test_mutated_presets(found: str, shape: tuple[int, int, int]) -> None:
    holds(answered(found, shape))


def test_the_drawn_networks_are_not_all_refused() -> None:
    """Else the tests above would say little."""
    fitting = []

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 1).flatmap(lambda family: network(family, tame=True)))
    def drawn(found: dict[str, Any]) -> None:
        fitting.append(answered(text({"network": found}), (32, 32, 3)) is not None)

    drawn()
    assert sum(fitting) >= 10
