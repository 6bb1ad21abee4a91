"""Runs and trials in order, and how sure that is."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dnsearch.errors import DnsearchError
from dnsearch.report.columns import differing
from dnsearch.report.ranking import HIGHER_IS_BETTER, Row, rank, rank_trials
from dnsearch.runs.hits import Hits
from dnsearch.runs.record import Metrics, Parameters, RunRecord, StudyRecord

Make = Callable[..., RunRecord]


def names(rows: list[Row]) -> list[tuple[int | None, str]]:
    return [(row.rank, row.record.name) for row in rows]


def test_the_most_accurate_comes_first(make: Make) -> None:
    rows = rank([make("a", 0.8), make("b", 0.9), make("c", 0.7)])
    assert names(rows) == [(1, "b"), (2, "a"), (3, "c")]


def test_seeds_of_one_spec_are_one_row_with_the_mean_and_its_interval(make: Make) -> None:
    def seeded(name: str, accuracy: float, seed: int, **other: Any) -> RunRecord:
        settings = {"network.growth_rate": 4, "training.seed": seed} | other.pop("settings", {})
        return make(name, accuracy, seed=seed, settings=settings, **other)

    rows = rank(
        [
            seeded("a-0", 0.91, 0),
            seeded("a-1", 0.93, 1),
            seeded("again", 0.91, 0),
            seeded("b-0", 0.90, 0, settings={"network.growth_rate": 8}),
            seeded("a-2", 0.99, 2, state="interrupted"),
            seeded("a-3", 0.95, 3),
        ]
    )
    assert [(row.rank, row.name) for row in rows] == [
        (1, "a-0 and 2 more"),
        (2, "again"),
        (3, "b-0"),
        (4, "a-2"),
    ]
    several, one = rows[0].standing, rows[2].standing
    assert several is not None
    assert several.validation is not None
    assert several.seeds == (0, 1, 3)
    assert several.validation.value == pytest.approx(0.93)
    assert several.validation.interval == pytest.approx((0.93 - 0.0496828, 0.93 + 0.0496828))
    assert one is not None
    assert one.seeds == ()


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


STUDY = StudyRecord("small")


@pytest.fixture
def trial(make: Make) -> Make:
    """Makes a trial by its number and accuracy."""

    def made(number: int, accuracy: float | None, **changes: Any) -> RunRecord:
        return make(f"trial-{number:04}", accuracy, study="small", trial=number, **changes)

    return made


@pytest.fixture
def confirmed(make: Make) -> Callable[..., list[RunRecord]]:
    """Makes the confirmations of a trial, one per accuracy, on seeds from 1."""

    def made(number: int, *accuracies: float, **changes: Any) -> list[RunRecord]:
        fields = {"study": "small", "trial": number, "confirmation": True} | changes
        return [
            make(f"trial-{number:04}-seed-{seed}", accuracy, **({"seed": seed} | fields))
            for seed, accuracy in enumerate(accuracies, 1)
        ]

    return made


def numbers(rows: list[Row]) -> list[int | None]:
    return [row.record.trial for row in rows]


def standing(rows: list[Row], number: int) -> Any:
    return next(row.standing for row in rows if row.record.trial == number)


def test_confirmed_trials_come_first_by_their_mean_and_not_by_what_they_were_chosen_for(trial, confirmed):
    rows = rank_trials(
        [
            trial(0, 0.90),
            trial(1, 0.99),
            trial(2, 0.97),
            trial(3, 0.98),
            *confirmed(1, 0.90, 0.91, 0.92),
            *confirmed(2, 0.93, 0.94, 0.95),
        ],
        STUDY,
    )
    assert numbers(rows) == [2, 1, 3, 0]
    assert [row.rank for row in rows] == [1, 2, 3, 4]
    first = rows[0].standing
    assert first.seeds == (1, 2, 3)
    assert first.validation.value == pytest.approx(0.94)
    assert first.validation.interval == pytest.approx((0.94 - 0.024841, 0.94 + 0.024841), abs=1e-6)


def test_a_trial_s_own_seed_is_none_of_those_that_confirm_it(trial, confirmed):
    (row,) = rank_trials([trial(0, 0.99), *confirmed(0, 0.8, 0.9)], STUDY)
    assert row.standing.validation.value == pytest.approx(0.85)
    assert row.record.last.accuracy == 0.99


def test_one_training_has_wilson_s_interval_of_its_images(trial):
    (row,) = rank_trials([trial(0, 0.9)], STUDY)
    assert row.standing.validation.interval == pytest.approx((0.8474, 0.9358), abs=1e-4)
    (confirmed_once,) = rank_trials([trial(0, 0.99), *[trial(0, 0.9, confirmation=True, seed=5)]], STUDY)
    assert confirmed_once.standing.validation == row.standing.validation
    assert confirmed_once.standing.seeds == (5,)


def marks(rows: list[Row]) -> list[bool | None]:
    return [row.standing.may_be_best for row in rows]


def test_over_seeds_it_takes_the_spread_of_all_seeds_and_of_the_images_to_call_a_trial_worse(
    trial, confirmed
):
    rows = rank_trials(
        [
            *(trial(number, 0.9) for number in range(3)),
            *confirmed(0, 0.94, 0.95, 0.96),
            *confirmed(1, 0.93, 0.95, 0.95),
            *confirmed(2, 0.60, 0.61, 0.62),
        ],
        STUDY,
    )
    assert marks(rows) == [True, True, False]


def test_equal_seeds_do_not_make_sure_of_the_images(trial, confirmed):
    """Of 180 images 95 % and 92 %; that no seed differed from another says nothing of other images."""
    rows = rank_trials(
        [trial(0, 0.95), trial(1, 0.9), *confirmed(0, 0.95, 0.95, 0.95), *confirmed(1, 0.92, 0.92, 0.92)],
        STUDY,
    )
    assert marks(rows) == [True, True]


def test_without_seeds_the_images_decide_who_may_be_the_best(trial):
    rows = rank_trials([trial(0, 0.95), trial(1, 0.93), trial(2, 0.80)], STUDY)
    assert marks(rows) == [True, True, False]


def test_the_more_trials_the_further_behind_one_has_to_be_to_be_called_worse(trial):
    two = [trial(0, 0.95), trial(1, 0.88)]
    assert marks(rank_trials(two, STUDY)) == [True, False]
    rows = rank_trials([*two, *(trial(number, 0.2) for number in range(2, 50))], STUDY, top=2)
    assert marks(rows) == [True, True]


def test_who_was_not_confirmed_is_compared_with_a_confirmed_first(trial, confirmed):
    rows = rank_trials([trial(0, 0.95), trial(1, 0.94), trial(2, 0.6), *confirmed(0, 0.95, 0.95)], STUDY)
    assert marks(rows) == [True, True, False]


def test_who_was_stopped_early_is_not_compared(trial):
    rows = rank_trials(
        [trial(0, 0.95), trial(1, 0.9), trial(2, 0.95, state="pruned"), trial(3, 0.95, state="paused")], STUDY
    )
    assert marks(rows) == [True, True, None, None]
    assert marks(rank_trials([trial(0, 0.95)], STUDY)) == [None]


def kept(right: int, *wrong: int, images: int = 7) -> Hits:
    """Hits of 180 images of which the first so many are right but for some."""
    bits = sum(1 << (183 - place) for place in range(right) if place not in wrong)
    return Hits(bits.to_bytes(23), 180, images)


def test_stored_hits_make_the_comparison_a_paired_one(trial):
    """162 and 150 of 180 images: 12 that one network alone got right are more than chance, two shares not."""
    trials = [trial(0, 162 / 180), trial(1, 150 / 180)]
    hits = {0: {"last": kept(162)}, 1: {"last": kept(150)}}
    assert marks(rank_trials(trials, STUDY)) == [True, True]
    assert marks(rank_trials(trials, STUDY, hits=lambda record: hits[record.trial])) == [True, False]


@pytest.mark.parametrize(
    "second",
    [
        {},
        {"best": kept(150)},
        {"last": kept(149)},
        {"last": kept(150, images=8)},
    ],
    ids=["none", "of another epoch", "of other weights", "of other images"],
)
def test_hits_that_are_not_those_of_the_figures_do_not_pair(trial, second):
    trials = [trial(0, 162 / 180), trial(1, 150 / 180)]
    hits = {0: {"last": kept(162)}, 1: second}
    assert marks(rank_trials(trials, STUDY, hits=lambda record: hits[record.trial])) == [True, True]


def test_hits_are_read_for_the_rows_that_are_shown_alone(trial):
    asked = []
    rank_trials(
        [trial(n, 0.9 - n / 100) for n in range(9)], STUDY, top=2, hits=lambda r: asked.append(r) or {}
    )
    assert [record.trial for record in asked] == [0, 1]


def test_equal_means_are_in_the_order_of_best_yaml(trial, confirmed):
    """Whose own figure was higher does not count: the fewest parameters do, then the earlier trial."""
    rows = rank_trials(
        [
            *(trial(number, 0.90 + number / 100) for number in range(4)),
            *confirmed(1, 0.9, 0.9),
            *confirmed(2, 0.9, 0.9),
            *confirmed(3, 0.9, 0.9, parameters=Parameters(10, 0)),
        ],
        STUDY,
    )
    assert numbers(rows) == [3, 1, 2, 0]
    assert numbers(rank_trials([trial(10_000, 0.9), trial(9_999, 0.9)], STUDY)) == [9_999, 10_000]


def test_a_confirmed_trial_is_quoted_by_the_test_images(trial, confirmed):
    looked = {"test": Metrics(0.4, 0.88, 360)}
    first, second = rank_trials([trial(0, 0.95), trial(1, 0.94), *confirmed(0, 0.9, 0.9, **looked)], STUDY)
    assert (first.standing.figure.value, first.standing.validation.value) == pytest.approx((0.88, 0.9))
    assert second.standing.figure == second.standing.validation


def test_what_is_quoted_does_not_flatter(trial, confirmed):
    """300 studies of 50 equal trials, the best 5 retrained on 3 seeds: row 6 of what was wrong.

    A trial has its luck with the validation images (0.4 points) and each seed its own; the test images have
    no part in choosing.
    """
    rng, off = np.random.default_rng(0), []
    for _ in range(300):
        luck = rng.normal(0, 0.004, 50)
        own = 0.9 + luck + rng.normal(0, 0.003, 50)
        records = [trial(number, float(each)) for number, each in enumerate(own)]
        for number in np.argsort(-own)[:5].tolist():
            scores = (0.9 + luck[number] + rng.normal(0, 0.003, 3)).tolist()
            test = Metrics(0.4, 0.9 + float(rng.normal(0, 0.004)), 2000)
            records += confirmed(number, *scores, test=test)
        standing = rank_trials(records, STUDY, top=1)[0].standing
        off.append([standing.figure.value - 0.9, standing.validation.value - 0.9])
    quoted, ranked_by = 100 * np.mean(off, axis=0)
    assert abs(quoted) < 3 * 0.4 / np.sqrt(300)
    assert ranked_by > 0.5


def test_a_confirmation_that_failed_or_is_still_trained_does_not_count_but_is_told(trial, confirmed):
    going = confirmed(0, 0.9, 0.92)
    rows = rank_trials(
        [
            trial(0, 0.95),
            *going,
            *confirmed(0, 0.1, seed=3, state="running"),
            *confirmed(0, 0.1, seed=4, state="failed"),
        ],
        STUDY,
    )
    assert len(rows) == 1
    assert rows[0].standing.seeds == (1, 2)
    assert rows[0].standing.confirmations == 4
    assert rows[0].standing.validation.value == pytest.approx(0.91)


def test_a_mean_iou_of_one_training_has_no_interval_and_is_not_compared(trial, confirmed):
    masks = [Metrics(0.3, 0.95, 9000, iou) for iou in (0.70, 0.70, 0.72)]
    rows = rank_trials([trial(n, 0.9, last=masks[n]) for n in (0, 1)], STUDY)
    assert rows[0].standing.validation.value == 0.70
    assert rows[0].standing.validation.interval is None
    assert marks(rows) == [None, None]
    seeds = [made for n in (0, 1) for i in (1, 2) for made in confirmed(n, 0.9, seed=i, last=masks[i])]
    rows = rank_trials([*(trial(n, 0.9, last=masks[n]) for n in (0, 1)), *seeds], STUDY)
    assert rows[0].standing.validation.value == pytest.approx(0.71)
    assert marks(rows) == [True, True]


def test_the_test_figure_is_the_confirmations_mean(trial, confirmed):
    looked = {"test": Metrics(0.4, 0.88, 360)}
    (row,) = rank_trials([trial(0, 0.95), *confirmed(0, 0.9, 0.9, **looked)], STUDY)
    assert row.standing.test.value == pytest.approx(0.88)
    assert row.standing.test.seeds == 2
    (row,) = rank_trials([trial(0, 0.95)], STUDY)
    assert row.standing.test is None


def test_the_front_is_marked_in_studies_of_several_objectives_alone(trial):
    trials = [trial(0, 0.9), trial(1, 0.8)]
    several = StudyRecord("small", objectives=("validation", "macs"), front=(1,))
    assert [row.standing.front for row in rank_trials(trials, several)] == [False, True]
    assert [row.standing.front for row in rank_trials(trials, STUDY)] == [None, None]


def test_the_study_says_which_epoch_counts(trial):
    risen = trial(0, 0.8, best=Metrics(0.3, 0.97, 180))
    steady = trial(1, 0.9)
    assert numbers(rank_trials([risen, steady], STUDY)) == [1, 0]
    assert numbers(rank_trials([risen, steady], StudyRecord("small", select="best"))) == [0, 1]
    assert numbers(rank_trials([risen, steady], StudyRecord("small", select="best"), select="last")) == [1, 0]


def test_other_figures_rank_as_ever_and_nobody_is_compared(trial, confirmed):
    trials = [trial(0, 0.9, macs=9), trial(1, 0.9, macs=5), *confirmed(0, 0.9, 0.9)]
    rows = rank_trials(trials, STUDY, sort="macs")
    assert numbers(rows) == [1, 0]
    assert marks(rows) == [None, None]


def test_the_top_is_cut(trial, confirmed):
    rows = rank_trials([*(trial(n, 0.9 - n / 100) for n in range(9)), *confirmed(5, 0.9, 0.9)], STUDY, top=2)
    assert numbers(rows) == [5, 0]
    assert rank_trials([], STUDY) == []


def test_a_trial_without_a_figure_has_no_place(trial):
    rows = rank_trials([trial(0, None, state="failed"), trial(1, 0.2)], STUDY)
    assert [(row.rank, row.record.trial) for row in rows] == [(1, 1), (None, 0)]
    assert standing(rows, 0).validation is None
