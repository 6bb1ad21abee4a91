"""One spec laid over another."""

from typing import Any

import pytest

from dnsearch.errors import SpecError
from dnsearch.spec.document import load
from dnsearch.spec.tree import (
    SHORTHANDS,
    Table,
    Tree,
    completed,
    deepest,
    key_place,
    nested,
    overlay,
    plain,
    shortened,
    spelled_out,
)
from dnsearch.spec.yaml import read


def tree(text: str, file: str = "a.yaml") -> Tree:
    return spelled_out(read(text.encode(), file))


def joined(base: str, top: str) -> Any:
    return plain(overlay(tree(base, "base.yaml"), tree(top, "top.yaml")))


@pytest.mark.parametrize(
    ("base", "top", "result"),
    [
        ("{a: 1}", "{b: 2}", {"a": 1, "b": 2}),
        ("{a: 1, b: 1}", "{b: 2}", {"a": 1, "b": 2}),
        ("{a: {x: 1, y: {z: 1}}}", "{a: {y: {w: 2}}}", {"a": {"x": 1, "y": {"z": 1, "w": 2}}}),
        ("{a: [1, 2]}", "{a: [3]}", {"a": (3,)}),
        ("{a: {x: 1}}", "{a: 3}", {"a": 3}),
        ("{a: {x: 1}}", "{a: null}", {"a": None}),
        ("{a: null}", "{a: {x: 1}}", {"a": {"x": 1}}),
        ("{a: 1}", "{}", {"a": 1}),
        ("{}", "{a: 1}", {"a": 1}),
        ("[1]", "{a: 1}", {"a": 1}),
        ("{a: 1}", "[1]", (1,)),
    ],
)
def test_mappings_join_and_everything_else_replaces(base: str, top: str, result: object) -> None:
    assert joined(base, top) == result


def test_neither_tree_changes() -> None:
    base, top = tree("{a: {x: 1}, b: 1}"), tree("{a: {y: 2}}")
    before = plain(base), plain(top)
    overlay(base, top)
    assert (plain(base), plain(top)) == before


def test_places_come_along() -> None:
    result = overlay(tree("a:\n  x: 1\n  y: 1\n", "base.yaml"), tree("a: {y: 22}\n", "top.yaml"))
    places = {key: deepest(result, ("a", key)).place for key in "xy"}
    assert {key: str(place) for key, place in places.items()} == {"x": "base.yaml:2:6", "y": "top.yaml:1:8"}
    section = deepest(result, ("a",))
    assert isinstance(section, Table)
    assert {key: str(place) for key, place in section.keys.items()} == {
        "x": "base.yaml:2:3",
        "y": "top.yaml:1:5",
    }
    assert str(section.place) == "top.yaml:1:4"


def test_sections_can_stay_in_place() -> None:
    base, top = tree("a:\n  b:\n    c: 1\n", "base.yaml"), tree("{a: {b: {d: 22}, e: {f: 1}}}", "--set")
    result = overlay(base, top, in_place=True)
    places = {path: str(deepest(result, path).place) for path in ["", "a", "ab", "abd", "ae"]}
    assert places == {
        "": "base.yaml:1:1",
        "a": "base.yaml:2:3",
        "ab": "base.yaml:3:5",
        "abd": "--set:1:13",
        "ae": "--set:1:21",
    }


def test_order_is_the_base_first() -> None:
    assert list(joined("{b: 1, a: 1}", "{c: 2, a: 2}")) == ["b", "a", "c"]


# Short forms


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("training: {optimizer: adam}", {"training": {"optimizer": {"name": "adam"}}}),
        ("training: {schedule: cosine}", {"training": {"schedule": {"name": "cosine"}}}),
        (
            "network: {alpha: 0.1}",
            {"network": {"alpha": {"stem": 0.1, "layers": 0.1, "transitions": 0.1, "head": 0.1}}},
        ),
        ("network: {alpha: null}", {"network": {"alpha": None}}),
        ("network: {alpha: {stem: 0.1}}", {"network": {"alpha": {"stem": 0.1}}}),
        ("training: {optimizer: {name: adam}}", {"training": {"optimizer": {"name": "adam"}}}),
        ("training: {optimizer: [adam]}", {"training": {"optimizer": ("adam",)}}),
        ("network: {connectivity: log}", {"network": {"connectivity": {"name": "log"}}}),
        (
            "network: {connectivity: [log, {name: dense}, 3]}",
            {"network": {"connectivity": ({"name": "log"}, {"name": "dense"}, {"name": 3})}},
        ),
        ("network: {cross_block: all}", {"network": {"cross_block": {"links": "all"}}}),
        ("network: {cross_block: null}", {"network": {"cross_block": None}}),
        ("network: {head: all_blocks}", {"network": {"head": {"reads": "all_blocks"}}}),
        ("network: {alpha: {head: 0.1}}", {"network": {"alpha": {"head": 0.1}}}),
        ("tune: {parameters: {training.optimizer: [sgd, adam]}}", None),
    ],
)
def test_short_forms(text: str, result: object) -> None:
    assert plain(tree(text)) == (plain(read(text.encode(), "a.yaml")) if result is None else result)


@pytest.mark.parametrize("key", SHORTHANDS)
def test_short_forms_can_be_shortened_again(key: str) -> None:
    leaf = read(b"0.5", "a.yaml")
    long = spelled_out(leaf, key)
    assert isinstance(long, Table)
    assert tuple(long.entries) == SHORTHANDS[key]
    assert {entry.place for entry in long.entries.values()} == {leaf.place}
    assert shortened(long, key) is leaf


def test_what_was_written_out_is_not_shortened() -> None:
    for text, key in [
        ("{name: adam}", "optimizer"),
        ("{stem: 0.1, layers: 0.1, transitions: 0.1, head: 0.1}", "alpha"),
        ("{name: adam}", "other"),
        ("[adam]", "optimizer"),
    ]:
        written = read(text.encode(), "a.yaml")
        assert shortened(written, key) is written


def test_spelling_out_twice_is_spelling_out_once() -> None:
    once = tree("{training: {optimizer: adam}, network: {alpha: 0.1, stem: {channels: 3}}}")
    assert spelled_out(once) == once


def test_a_short_form_joins_a_long_one() -> None:
    assert joined("network: {alpha: 0.1}", "network: {alpha: {stem: 0.3}}") == {
        "network": {"alpha": {"stem": 0.3, "layers": 0.1, "transitions": 0.1, "head": 0.1}}
    }
    assert joined("network: {alpha: {stem: 0.3}}", "network: {alpha: 0.1}") == {
        "network": {"alpha": {"stem": 0.1, "layers": 0.1, "transitions": 0.1, "head": 0.1}}
    }


@pytest.mark.parametrize(
    ("path", "text", "result"),
    [
        ("network.head", "all_blocks", {"network": {"head": {"reads": "all_blocks"}}}),
        ("network.alpha.head", "0.1", {"network": {"alpha": {"head": 0.1}}}),  # a slope, and no head
        ("network.connectivity", "[log]", {"network": {"connectivity": ({"name": "log"},)}}),
        ("network.cross_block.links", "all", {"network": {"cross_block": {"links": "all"}}}),
    ],
)
def test_short_forms_at_a_path(path: str, text: str, result: object) -> None:
    value = read(text.encode(), "a.yaml")
    assert plain(nested(path, value, value.place)) == result


# Sections of several kinds


@pytest.mark.parametrize(
    ("base", "top", "result"),
    [
        # another kind: what belonged to the first goes
        ("{name: sgd, momentum: 0.8}", "adam", {"name": "adam"}),
        ("{name: sgd, momentum: 0.8}", "{name: adam, beta_1: 0.5}", {"name": "adam", "beta_1": 0.5}),
        # the same kind: it stays
        ("{name: sgd, momentum: 0.8}", "sgd", {"name": "sgd", "momentum": 0.8}),
        (
            "{name: sgd, momentum: 0.8}",
            "{nesterov: false}",
            {"name": "sgd", "momentum": 0.8, "nesterov": False},
        ),
        ("sgd", "{momentum: 0.8}", {"name": "sgd", "momentum": 0.8}),
        ("{name: sgd, output: all}", "{name: adam}", {"name": "adam"}),
        # a fragment that says no kind goes with any
        ("{momentum: 0.8}", "sgd", {"momentum": 0.8, "name": "sgd"}),
        ("{beta_1: 0.8}", "adam", {"beta_1": 0.8, "name": "adam"}),
    ],
)
def test_another_optimizer_forgets_the_first_one(base: str, top: str, result: object) -> None:
    for section in ("optimizer", "schedule", "connectivity"):
        found = joined(f"training: {{{section}: {base}}}", f"training: {{{section}: {top}}}")
        assert found == {"training": {section: result}}


def test_a_whole_text_that_says_no_kind_has_the_usual_one() -> None:
    base, top = tree("training: {optimizer: {momentum: 0.8}}"), tree("training: {optimizer: adam}")
    assert plain(overlay(completed(base), top)) == {"training": {"optimizer": {"name": "adam"}}}
    same = tree("training: {optimizer: {nesterov: false}}")
    assert plain(overlay(completed(base), same)) == {
        "training": {"optimizer": {"name": "sgd", "momentum": 0.8, "nesterov": False}}
    }


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("optimizer: {}", {"optimizer": {"name": "sgd"}}),
        ("schedule: {}", {"schedule": {"name": "constant"}}),
        ("network: {growth_rate: 4}", {"network": {"family": "densenet", "growth_rate": 4}}),
        ("connectivity: {output: rule}", {"connectivity": {"name": "dense", "output": "rule"}}),
        (
            "connectivity: [{output: rule}, log]",
            {"connectivity": ({"name": "dense", "output": "rule"}, {"name": "log"})},
        ),
        ("optimizer: {name: adam}", {"optimizer": {"name": "adam"}}),
        ("optimizer: null", {"optimizer": None}),
        ("data: {path: x}", {"data": {"path": "x"}}),
        ("[optimizer]", ("optimizer",)),
    ],
)
def test_sections_without_a_kind_are_completed(text: str, result: object) -> None:
    once = completed(tree(text))
    assert plain(once) == result
    assert completed(once) == once


@pytest.mark.parametrize(
    ("base", "top"),
    [
        ("training: {epochs: 2}", "training: {optimizer: {momentum: 0.5}, schedule: cosine}"),
        ("training: {optimizer: adam}", "training: {optimizer: {weight_decay: 0.1}}"),
        ("training: {optimizer: null}", "training: {optimizer: {momentum: 0.5}}"),
        ("network: {growth_rate: 4}", "network: {connectivity: {output: rule}}"),
        ("network: {connectivity: log}", "network: {connectivity: [{output: rule}, chain]}"),
        ("network: {connectivity: [log, chain]}", "network: {connectivity: {1: {output: rule}}}"),
        ("network: {connectivity: [log, chain]}", "network: {connectivity: {output: rule}}"),
        ("{a: 1}", "network: {growth_rate: 4}"),
    ],
)
def test_changes_in_place_leave_a_completed_text_completed(base: str, top: str) -> None:
    whole, change = completed(tree(base)), tree(top)
    changed = overlay(whole, change, in_place=True)
    assert changed == completed(changed)
    assert plain(changed) == plain(completed(overlay(whole, change)))


def test_another_family_forgets_what_it_has_not() -> None:
    base = "network: {growth_rate: 4, pooling: max, cross_block: all, head: all_blocks, family: densenet}"
    assert joined(base, "network: {family: unet, unit: dense}") == {
        "network": {"growth_rate": 4, "pooling": "max", "family": "unet", "unit": "dense"}
    }
    assert joined("network: {family: unet, up_kernel: 2, dropout: 0.2}", "network: {family: densenet}") == {
        "network": {"family": "densenet", "dropout": 0.2}
    }


def test_a_mapping_of_no_kind_is_laid_over_each_of_a_list() -> None:
    base = "network: {connectivity: [log, {name: window, size: 4, output: rule}]}"
    assert joined(base, "network: {connectivity: {output: odd_and_last}}") == {
        "network": {
            "connectivity": (
                {"name": "log", "output": "odd_and_last"},
                {"name": "window", "size": 4, "output": "odd_and_last"},
            )
        }
    }
    assert joined(base, "network: {connectivity: {name: chain}}") == {
        "network": {"connectivity": {"name": "chain"}}
    }
    assert joined("network: {layers_per_block: [1]}", "network: {layers_per_block: {a: 1}}") == {
        "network": {"layers_per_block": {"a": 1}}
    }


def test_another_source_forgets_where_the_first_one_lies() -> None:
    base = "data: {source: folder, path: x, image_shape: [8, 8, 1], classes: 2, split_seed: 7}"
    assert joined(base, "data: {source: digits}") == {"data": {"source": "digits", "split_seed": 7}}
    assert joined(base, "data: {source: npz, path: y}") == {
        "data": {"source": "npz", "split_seed": 7, "path": "y"}
    }
    assert joined(base, "data: {source: folder}")["data"]["path"] == "x"
    assert joined(base, "data: {path: y}")["data"] == {
        "source": "folder",
        "path": "y",
        "image_shape": (8, 8, 1),
        "classes": 2,
        "split_seed": 7,
    }


def test_what_is_forgotten_has_no_keys_left() -> None:
    result = overlay(tree("optimizer: {name: sgd, momentum: 0.8}"), tree("optimizer: adam"))
    section = deepest(result, ("optimizer",))
    assert isinstance(section, Table)
    assert set(section.keys) == set(section.entries) == {"name"}


def test_the_searched_parameters_are_one_value() -> None:
    base = "tune: {parameters: {network.growth_rate: [8, 12]}, trials: 9}"
    top = "tune: {parameters: {training.optimizer: [sgd, adam]}}"
    assert joined(base, top) == {"tune": {"parameters": {"training.optimizer": ("sgd", "adam")}, "trials": 9}}


# Places of what is not there


def test_the_deepest_value_passes_over_what_is_not_there() -> None:
    root = tree("a: {b: [1, {c: 2}]}")
    assert plain(deepest(root, ("a", "sgd", "b", 1, "c", "d"))) == 2
    assert deepest(root, ("x", 0)) is root
    assert plain(deepest(root, ("a", "b", 7))) == (1, {"c": 2})


def test_the_place_of_a_key_or_of_the_section_without_it() -> None:
    root = tree("a:\n  b: {c: 2}\n")
    assert [str(key_place(root, ("a", "b", key))) for key in "cd"] == ["a.yaml:2:7", "a.yaml:2:6"]


def test_an_item_of_a_list_by_its_position():
    changed = ["network.layers_per_block.1=7", "network.connectivity=[dense, {name: window, size: 2}]"]
    network = load(
        "starter", [*changed, "network.connectivity.0=log", "network.connectivity.1.size=5"]
    ).experiment.network
    assert network.layers_per_block[1] == 7
    assert [pattern.name for pattern in network.connectivity] == ["log", "window"]
    assert network.connectivity[1].size == 5


def test_a_position_that_the_list_does_not_have():
    with pytest.raises(SpecError, match="expected a list of 1 to 8 values"):
        load("starter", ["network.layers_per_block.9=7"])
