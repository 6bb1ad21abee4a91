import math
from collections.abc import Callable
from typing import Any

import pytest

from dnsearch.errors import DnsearchError
from dnsearch.report.columns import differing
from dnsearch.report.ranking import HIGHER_IS_BETTER, Row, rank
from dnsearch.runs.record import Metrics, Parameters, RunRecord

Make = Callable[..., RunRecord]


def names(rows: list[Row]) -> list[tuple[int | None, str]]:
    return [(row.rank, row.record.name) for row in rows]


def test_the_most_accurate_comes_first(make: Make) -> None:
    rows = rank([make("a", 0.8), make("b", 0.9), make("c", 0.7)])
    assert names(rows) == [(1, "b"), (2, "a"), (3, "c")]


def test_no_runs_no_rows() -> None:
    assert rank([]) == []


def test_ties_go_to_fewer_parameters_and_then_to_the_name(make: Make) -> None:
    large, small = Parameters(200, 0), Parameters(100, 900)
    rows = rank(
        [
            make("d", parameters=None),
            make("c", parameters=large),
            make("b", parameters=small),
            make("a", parameters=large),
        ]
    )
    assert names(rows) == [(1, "b"), (2, "a"), (3, "c"), (4, "d")]


def test_runs_that_did_not_finish_come_after_those_that_did(make: Make) -> None:
    rows = rank(
        [
            make("pruned", 0.99, state="pruned", epochs=1),
            make("running", 0.98, state="running"),
            make("interrupted", 0.97, state="interrupted"),
            make("failed", 0.96, state="failed"),
            make("finished", 0.5),
        ]
    )
    expected = ["finished", "pruned", "running", "interrupted", "failed"]
    assert names(rows) == list(zip(range(1, 6), expected, strict=True))


def test_runs_without_a_figure_come_last_and_have_no_place(make: Make) -> None:
    rows = rank(
        [
            make("z", None, state="failed"),
            make("y", None, state="running"),
            make("a", 0.1),
            make("b", math.nan),
        ]
    )
    assert names(rows) == [(1, "a"), (None, "b"), (None, "y"), (None, "z")]


def test_the_best_epoch_counts_on_request(make: Make) -> None:
    runs = [make("falling", 0.5, best=Metrics(0.1, 0.9, 180)), make("steady", 0.8)]
    assert names(rank(runs)) == [(1, "steady"), (2, "falling")]
    rows = rank(runs, select="best")
    assert names(rows) == [(1, "falling"), (2, "steady")]
    assert {row.select for row in rows} == {"best"}


@pytest.mark.parametrize(
    ("sort", "better", "worse"),
    [
        ("validation_accuracy", {"last": Metrics(1, 0.9, 9)}, {"last": Metrics(1, 0.8, 9)}),
        ("test_accuracy", {"test": Metrics(1, 0.9, 9)}, {"test": Metrics(1, 0.8, 9)}),
        ("parameters", {"parameters": Parameters(9, 99)}, {"parameters": Parameters(10, 0)}),
        ("macs", {"macs": 9}, {"macs": 10}),
        ("epochs", {"epochs": 4}, {"epochs": 5}),
        ("wall_seconds", {"wall_seconds": 1.0}, {"wall_seconds": 2.0}),
        ("name", {"name": "alpha"}, {"name": "omega"}),
        ("first_step_seconds", {"first_step_seconds": 1.0}, {"first_step_seconds": 2.0}),
        ("images_per_second", {"images_per_second": 20.0}, {"images_per_second": 10.0}),
        ("peak_memory_bytes", {"peak_memory_bytes": 1}, {"peak_memory_bytes": 2}),
    ],
)
def test_every_figure_can_be_ranked_by(
    make: Make, sort: str, better: dict[str, Any], worse: dict[str, Any]
) -> None:
    assert sort in HIGHER_IS_BETTER
    first, second = make(**{"name": "z"} | better), make(**{"name": "a"} | worse)
    rows = rank([second, first], sort)
    assert [row.record for row in rows] == [first, second]
    assert [row.rank for row in rows] == [1, 2]


@pytest.mark.parametrize(
    ("sort", "without"),
    [
        ("test_accuracy", {"test": None}),
        ("parameters", {"parameters": None}),
        ("macs", {"macs": None}),
        ("epochs", {"epochs": 0}),
        ("wall_seconds", {"epochs": 0}),
        ("first_step_seconds", {"first_step_seconds": None}),
        ("images_per_second", {"images_per_second": None}),
        ("peak_memory_bytes", {"peak_memory_bytes": None}),
    ],
)
def test_a_figure_that_is_missing_is_never_the_best(make: Make, sort: str, without: dict[str, Any]) -> None:
    tested = Metrics(1, 0.5, 9)
    rows = rank([make(**{"name": "without", "test": tested} | without), make("with", test=tested)], sort)
    assert names(rows) == [(1, "with"), (None, "without")]


def test_an_unknown_figure_is_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(DnsearchError) as caught:
        rank([], sort="beauty")
    assert str(caught.value) == (
        "sort\n  expected one of validation, validation_accuracy, validation_mean_iou, test_accuracy, "
        "test_mean_iou, parameters, macs, epochs, wall_seconds, name, first_step_seconds, "
        "images_per_second, peak_memory_bytes, latency_seconds, found beauty"
    )


def test_the_top_is_cut_and_settings_are_compared_within_it(make: Make) -> None:
    runs = [
        make("a", 0.9, {"network.growth_rate": 8}),
        make("b", 0.8, {"network.growth_rate": 24}),
        make("c", 0.7, {"training.seed": 5}),
        make("d", None, state="failed"),
    ]
    rows = rank(runs, top=2)
    assert names(rows) == [(1, "a"), (2, "b")]
    assert differing([row.record for row in rows]) == {"growth_rate": "network.growth_rate"}
    assert differing([row.record for row in rank(runs, top=1)]) == {}
    assert rank(runs, top=0) == []
    assert len(rank(runs, top=99)) == 4


def test_u_nets_are_ranked_by_mean_iou(make: Make) -> None:
    fine = make("fine", last=Metrics(0.3, 0.90, 99, 0.7), best=Metrics(0.3, 0.90, 99, 0.7))
    coarse = make("coarse", last=Metrics(0.3, 0.95, 99, 0.4), best=Metrics(0.3, 0.95, 99, 0.8))
    assert names(rank([coarse, fine])) == [(1, "fine"), (2, "coarse")]
    assert names(rank([coarse, fine], select="best")) == [(1, "coarse"), (2, "fine")]
    assert names(rank([coarse, fine], "validation_accuracy")) == [(1, "coarse"), (2, "fine")]
    assert names(rank([coarse, fine, make("plain")], "validation_mean_iou"))[-1] == (None, "plain")
