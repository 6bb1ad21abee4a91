"""What conditions and relations mean, apart from any spec."""

import pytest

from dnsearch.spec.tune import Relation, Tune
from dnsearch.spec.tune.parameters import holds
from dnsearch.spec.tune.search_space import excess, extent, in_order


def tune(**parameters):
    return Tune.model_validate({"parameters": parameters}, strict=False)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"wiring": "sparse"}, True),
        ({"wiring": "sparse", "layers": 4}, False),
        ({"wiring": ["dense", "sparse"]}, True),
        ({"layers": {"at_least": 3}}, True),
        ({"layers": {"at_least": 3, "at_most": 3}}, True),
        ({"layers": {"at_most": 2}}, False),
        ({"wiring": {"at_least": 3}}, False),
        ({"absent": "sparse"}, False),
        ({"any": [{"absent": 1}, {"layers": 3}]}, True),
        ({"any": [{"absent": 1}, {"all": [{"layers": 3}, {"wiring": "dense"}]}]}, False),
        ({"flag": True}, True),
        ({"flag": 1}, False),
    ],
)
def test_when_a_condition_holds(when, expected):
    assert holds(when, {"wiring": "sparse", "layers": 3, "flag": True}) is expected


def test_a_parameter_comes_after_those_that_its_condition_names():
    searched = tune(
        c={"choices": [1, 2], "when": {"b": 2}},
        b={"choices": [1, 2], "when": {"a": {"at_least": 2}}},
        a={"int": [1, 3]},
    )
    assert in_order(searched.parameters) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("parameters", "configurations", "continuous"),
    [
        ({"a": [1, 2, 3], "b": {"int": [2, 6]}}, 15, ()),
        # sparse has three strides, dense has none
        (
            {
                "w": {"choices": ["dense", "sparse"]},
                "s": {"int": [2, 4], "when": {"w": "sparse"}},
                "k": [1, 2],
            },
            (1 + 3) * 2,
            (),
        ),
        ({"a": {"float": [0.0, 1.0], "step": 0.25}, "r": {"float": [0.0, 1.0]}}, 5, ("r",)),
        # layers 2 and 3 without, 4 with the two poolings
        ({"n": {"int": [2, 4]}, "p": {"choices": [0, 1], "when": {"n": {"at_least": 4}}}}, 2 + 2, ()),
    ],
)
def test_how_many_configurations_there_are(parameters, configurations, continuous):
    found = extent(tune(**parameters).parameters)
    assert (found.configurations, found.continuous) == (configurations, continuous)


def test_what_is_too_much_to_go_through_is_left_open():
    parents = {f"p{number}": list(range(20)) for number in range(6)}
    child = {"choices": [1, 2], "when": dict.fromkeys(parents, 0)}
    assert extent(tune(**parents, child=child).parameters) is None


@pytest.mark.parametrize(
    ("relation", "values", "expected"),
    [
        ({"non_decreasing": "n"}, {}, 0.0),
        ({"non_decreasing": "n"}, {"n.0": 8}, 4 / 8),
        ({"non_decreasing": ["n.0", "n.2"]}, {"n.0": 6}, 0.0),
        ({"sum_at_most": {"of": "n", "at_most": 10}}, {}, 0.2),
        ({"sum_at_most": {"of": "n", "at_most": 10}}, {"n": (1, 1)}, -0.8),
        ({"sum_at_most": {"of": ["w.size"], "at_most": 4}}, {"w": {"name": "window", "size": 6}}, 0.5),
        ({"sum_at_most": {"of": ["w.size"], "at_most": 4}}, {"w": {"name": "window"}, "w.size": 5}, 0.25),
        ({"sum_at_most": {"of": ["w.size"], "at_most": 4}}, {"w": "dense"}, -1.0),
    ],
)
def test_how_far_a_variant_is_from_keeping_a_relation(relation, values, expected):
    base = {"n": [2, 4, 6], "w": "dense"}
    assert excess(Relation.model_validate(relation, strict=False), values, base) == pytest.approx(expected)
