from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dnsearch.report.columns import COLUMNS, OTHER_COLUMNS, differing, headings
from dnsearch.runs.record import RunRecord

Make = Callable[..., RunRecord]


def shown(records: list[RunRecord]) -> list[dict[str, Any]]:
    """What a leaderboard's columns of settings show for each record."""
    keys = differing(records)
    return [
        {heading: each.settings[key] for heading, key in keys.items() if key in each.settings}
        for each in records
    ]


def differences(make: Make, *settings: dict[str, Any]) -> list[dict[str, Any]]:
    return shown([make(settings=each) for each in settings])


def test_runs_that_are_alike_have_nothing_to_show(make: Make) -> None:
    assert differences(make, {}, {}, {}) == [{}, {}, {}]
    assert differences(make, {}) == [{}]
    assert differing([]) == {}


def test_only_what_differs_is_shown_in_the_order_of_the_spec(make: Make) -> None:
    found = differences(make, {"training.seed": 1}, {"network.growth_rate": 24})
    assert found == [{"growth_rate": 12, "seed": 1}, {"growth_rate": 24, "seed": 0}]
    assert list(found[0]) == ["growth_rate", "seed"]


def test_the_split_seed_is_a_setting_too(make: Make) -> None:
    assert differences(make, {"data.split_seed": 1}, {}) == [{"split_seed": 1}, {"split_seed": 0}]


def test_a_tuple_and_a_list_are_the_same(make: Make) -> None:
    assert differences(make, {"network.layers_per_block": (2, 2, 2)}, {}) == [{}, {}]


def test_what_a_run_does_not_have_differs_and_is_left_out(make: Make) -> None:
    adam = make()
    less = {key: value for key, value in adam.settings.items() if key != "training.optimizer.momentum"}
    assert shown([adam, replace(adam, settings=less)]) == [{"momentum": 0.9}, {}]


def test_null_is_not_the_same_as_nothing(make: Make) -> None:
    run = make()
    less = {key: value for key, value in run.settings.items() if key != "training.early_stopping"}
    assert shown([run, replace(run, settings=less)]) == [{"early_stopping": None}, {}]


def test_places_that_are_always_alike_are_one_setting(make: Make) -> None:
    found = differences(make, {"network.alpha.stem": 0.2, "network.alpha.layers": 0.2}, {})
    assert found == [{"alpha": 0.2}, {"alpha": 0.1}]


def test_places_that_differ_are_told_apart(make: Make) -> None:
    found = differences(make, {"network.alpha.stem": 0.2}, {"network.alpha.layers": 0.2})
    assert found == [{"alpha.stem": 0.2, "alpha.layers": 0.1}, {"alpha.stem": 0.1, "alpha.layers": 0.2}]


def test_a_place_that_stays_keeps_the_others_apart(make: Make) -> None:
    found = differences(make, {"network.alpha.stem": 0.2}, {})
    assert found == [{"alpha.stem": 0.2}, {"alpha.stem": 0.1}]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["network.growth_rate"], ["growth_rate"]),
        (["training.seed", "data.split_seed"], ["seed", "split_seed"]),
        (["a.x", "b.x"], ["a.x", "b.x"]),
        (["network.a.x", "network.b.x", "x"], ["a.x", "b.x", "x"]),
        (["training.optimizer.name", "training.schedule.name"], ["optimizer", "schedule"]),
        (
            ["training.optimizer.name", "training.optimizer"],
            ["training.optimizer.name", "training.optimizer"],
        ),
        (["training.epochs"], ["training.epochs"]),
        (["network.stem.kernel", "network.alpha.stem"], ["kernel", "alpha.stem"]),
        (["stem"], ["stem"]),
    ],
)
def test_headings_are_short_and_unambiguous(keys: list[str], expected: list[str]) -> None:
    assert list(headings(keys).values()) == expected


def test_a_setting_is_never_called_like_a_usual_column() -> None:
    usual = [
        "name",
        "parameters",
        "macs",
        "epochs",
        "wall_seconds",
        "test_accuracy",
        "state",
        "study",
        "trial",
    ]
    assert {COLUMNS[key].heading for key in usual} == OTHER_COLUMNS
