"""Which columns a leaderboard has, and what their cells say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dnsearch.errors import DnsearchError
from dnsearch.report.columns import COLUMNS, OTHER_COLUMNS, arranged, differing, headings
from dnsearch.report.ranking import Row, rank
from dnsearch.runs.record import Metrics, RunRecord

Make = Callable[..., RunRecord]


def headed(rows: list[Row], *extra: str) -> list[str]:
    return [column.heading for column in arranged(rows, extra)]


def always(rows: list[Row], *extra: str) -> list[str]:
    return [column.heading for column in arranged(rows, extra) if column.importance == 0]


def cell(record: RunRecord, key: str) -> str:
    return COLUMNS[key].cell(Row(1, record))


def test_the_usual_columns(make: Make) -> None:
    rows = rank([make()])
    assert headed(rows) == ["#", "name", "validation", "parameters", "macs", "epochs", "time", "state"]
    assert always(rows) == ["#", "name", "validation", "parameters", "state"]
    assert headed([]) == headed(rows)


def test_the_test_accuracy_has_a_column_where_somebody_looked(make: Make) -> None:
    rows = rank([make("a"), make("b", test=Metrics(1, 0.5, 9))])
    assert headed(rows)[2:4] == ["validation", "test"]


def test_the_best_epoch_is_called_so(make: Make) -> None:
    assert headed(rank([make()], select="best"))[2] == "best epoch"


def test_settings_that_differ_come_first_in_the_order_of_their_effects(make: Make) -> None:
    rows = rank([make(settings={"network.growth_rate": 8, "network.pooling": "max"}), make()])
    assert headed(rows)[:5] == ["#", "name", "growth_rate", "pooling", "validation"]
    found = arranged(rows, effects=["network.pooling"])
    assert [column.heading for column in found][2:5] == ["pooling", "growth_rate", "validation"]


def test_further_columns_are_always_shown_and_only_once(make: Make) -> None:
    rows = rank([make(settings={"network.growth_rate": 8}), make()])
    extra = [
        "macs",
        "images_per_second",
        "growth_rate",
        "network.dropout",
        "images_per_second",
        "state",
        "name",
    ]
    shown = always(rows, *extra)
    assert shown == [
        "#",
        "name",
        "growth_rate",
        "validation",
        "parameters",
        "macs",
        "images/s",
        "network.dropout",
        "state",
    ]
    assert len(headed(rows, *extra)) == len(set(headed(rows, *extra)))


def test_a_column_that_there_is_not_is_refused(make: Make) -> None:
    with pytest.raises(DnsearchError) as caught:
        arranged(rank([make()]), ("beauty",))
    expected = f"one of {', '.join(COLUMNS)}, or a setting such as network.growth_rate"
    assert str(caught.value) == f"column\n  expected {expected}, found beauty"


def test_every_column_can_be_asked_for(make: Make) -> None:
    full = make(study="small", trial=3, test=Metrics(1, 0.5, 9))
    bare = make(
        "bare",
        None,
        parameters=None,
        macs=None,
        first_step_seconds=None,
        images_per_second=None,
        peak_memory_bytes=None,
    )
    shown = {key: (cell(full, key), cell(bare, key)) for key in COLUMNS}
    assert shown == {
        "rank": ("1", "1"),
        "name": ("run", "bare"),
        "validation_accuracy": ("90.00 %", "–"),
        "best_validation_accuracy": ("90.00 %", "–"),
        "test_accuracy": ("50.00 %", "–"),
        "validation_mean_iou": ("–", "–"),
        "best_validation_mean_iou": ("–", "–"),
        "test_mean_iou": ("–", "–"),
        "parameters": ("43,210", "–"),
        "parameters_total": ("44,444", "–"),
        "macs": ("12.3M", "–"),
        "epochs": ("5/5", "0/5"),
        "wall_seconds": ("12.3 s", "–"),
        "first_step_seconds": ("1.9 s", "–"),
        "images_per_second": ("1,234", "–"),
        "peak_memory_bytes": ("1.6 GB", "–"),
        "latency_seconds": ("–", "–"),
        "experiment": ("article", "article"),
        "study": ("small", "–"),
        "trial": ("3", "–"),
        "seed": ("0", "0"),
        **dict.fromkeys(("may_be_best", "front", "interval", "seeds"), ("", "")),
        "figure": ("–", "–"),
        "test_figure": ("–", "–"),
        "fingerprint": ("0123456789abcdef", "0123456789abcdef"),
        "started_at": ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05+00:00"),
        "state": ("finished", "finished"),
    }


def test_a_run_without_a_place_has_a_dash(make: Make) -> None:
    assert COLUMNS["rank"].cell(Row(None, make())) == "–"


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("failed", "failed: too little memory"),
        ("interrupted", "interrupted: too little memory"),
        ("pruned", "pruned"),
    ],
)
def test_a_reason_is_told_where_a_run_went_wrong(make: Make, state: str, shown: str) -> None:
    assert cell(make(state=state, reason="too little\nmemory"), "state") == shown


def test_trials_carry_their_study_only_beside_other_runs(make: Make) -> None:
    trials = [make("trial-0000", study="small"), make("trial-0001", study="small")]
    for runs, shown in ((trials, "trial-0000"), ([*trials, make("article")], "small/trial-0000")):
        rows = rank(runs, sort="name")
        name = arranged(rows)[1]
        assert name.cell(next(row for row in rows if row.record == trials[0])) == shown
    rows = rank([*trials, make("article")], sort="name")
    assert arranged(rows)[1].cell(rows[0]) == "article"


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
