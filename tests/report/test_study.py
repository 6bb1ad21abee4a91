"""What a study's leaderboard looks like: on terminals of several widths, and for programs."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from dnsearch.report.formats import as_csv, as_json, as_markdown, study_json
from dnsearch.report.leaderboard import facts, study_board
from dnsearch.report.ranking import Row, rank_trials
from dnsearch.runs.record import Metrics, RunRecord, StudyRecord

Make = Callable[..., RunRecord]
STUDY = StudyRecord(
    "small",
    "ended",
    objectives=("validation", "parameters"),
    trials={"finished": 4, "pruned": 1, "paused": 1, "failed": 1},
    proposals=9,
    infeasible={"macs": 2},
    infeasible_proposals=2,
    epochs_trained=120,
    epochs_saved=80,
    importances={"training.learning_rate": 0.61, "network.growth_rate": 0.39},
    front=(0, 2),
)


@pytest.fixture
def rows(make: Make) -> list[Row]:
    """Three confirmed trials, one that was not, and one of each other state."""

    def trial(number: int, accuracy: float | None, **changes: object) -> RunRecord:
        settings = {"network.growth_rate": number, "training.learning_rate": 10.0**-number}
        return make(f"trial-{number:04}", accuracy, settings, study="small", trial=number, **changes)

    def confirmations(number: int, mean: float) -> list[RunRecord]:
        looked = Metrics(0.3, mean - 0.02, 360)
        return [
            trial(number, mean + off, seed=seed, confirmation=True, test=looked)
            for seed, off in enumerate((-0.01, 0.0, 0.01), 1)
        ]

    means = ((0, 0.96), (1, 0.95), (2, 0.90))
    return rank_trials(
        [
            *(trial(number, 0.98) for number in range(4)),
            *(each for number, mean in means for each in confirmations(number, mean)),
            trial(4, 0.5, state="pruned", epochs=1),
            trial(5, 0.6, state="paused", epochs=1),
            trial(6, None, state="failed", reason="the loss is not finite in epoch 2"),
        ],
        STUDY,
    )


def drawn(rows: list[Row], study: StudyRecord, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(study_board(rows, study, width=width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def line_of(text: str, number: int) -> list[str]:
    return next(line for line in text.splitlines() if f"trial-{number:04}" in line).split()


@pytest.mark.parametrize("width", [80, 100, 140, 200])
def test_what_matters_is_shown_at_every_width(rows, width):
    text = drawn(rows, STUDY, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert line_of(text, 0)[:7] == ["1", "trial-0000", "◆", "96.00", "%", "±", "2.48"]
    assert line_of(text, 1)[:5] == ["2", "trial-0001", "=", "#1", "95.00"]
    assert line_of(text, 2)[:4] == ["3", "trial-0002", "◆", "90.00"]
    assert "94.00 ± 0.00 %" in text
    assert line_of(text, 3)[1:7] == ["trial-0003", "=", "#1", "98.00", "%", "94.4–99.1"]
    for state in ("finished", "pruned", "paused", "failed"):
        assert state in text


def test_seeds_are_shown_where_there_is_room(rows):
    text = drawn(rows, STUDY, 140)
    heading = next(line for line in text.splitlines() if "seeds" in line)
    at = heading.index("seeds")
    cells = [line[at : at + 5].strip() for line in text.splitlines() if "trial-000" in line]
    assert cells == ["3", "3", "3", "", "", "", ""]


def test_what_is_told_below_the_table(rows):
    assert facts(STUDY, rows) == [
        "trials: 4 finished, 1 pruned, 1 paused, 1 failed",
        "proposals: 7 of 9 feasible (78 %); infeasible: macs 2",
        "epochs: 120 trained, 80 saved by stopping early (40 %)",
        "failed: 1 x the loss is not finite in epoch 2",
        "importance: learning_rate 0.61, growth_rate 0.39",
        "±: of the mean over fresh seeds (Student); else of the images alone (Wilson)",
        "= #1: the 95 % interval of the difference to the first includes 0",
        "◆: no other finished trial is better in all of validation, parameters",
    ]


def test_a_study_that_has_just_begun_says_so():
    study = StudyRecord("new", importances_missing="too few trials (0 finished; it takes 10)")
    assert facts(study, []) == [
        "trials: none yet (searching)",
        "importance: too few trials (0 finished; it takes 10)",
    ]
    assert "No runs." in drawn([], study, 80)
    killed = replace(study, state="interrupted")
    assert facts(killed, [])[0] == "trials: none yet (interrupted)"


def test_trials_of_a_search_that_was_stopped_are_not_called_running():
    stopped = StudyRecord("new", "interrupted", trials={"running": 1, "finished": 2})
    line = "trials: 2 finished, 1 interrupted (interrupted; the next search continues it)"
    assert facts(stopped, [])[0] == line
    several = replace(stopped, trials={"running": 3})
    assert facts(several, [])[0] == "trials: 3 interrupted (interrupted; the next search continues them)"


def test_the_most_frequent_reasons_of_failures_are_told(make):
    reasons = ["a", "b", "b", "c", "d\n\x1b[2J", "d\n\x1b[2J", "e", ""]
    failed = [
        make(f"trial-{n}", None, trial=n, state="failed", reason=reason) for n, reason in enumerate(reasons)
    ]
    told = facts(StudyRecord("small"), rank_trials(failed, StudyRecord("small")))
    assert [line for line in told if line.startswith("failed")] == [
        "failed: 2 x b",
        "failed: 2 x d [2J",
        "failed: 1 x a",
        "failed: 2 for other reasons",
    ]


def test_names_cannot_draw_outside_their_line():
    study = StudyRecord(
        "[red]a\x1b[2J",
        proposals=2,
        infeasible={"a\nb": 1},
        infeasible_proposals=1,
        importances={"x\ny": 1.0},
    )
    text = drawn([], study, 100)
    assert "\x1b" not in text
    assert "[red]a [2J" in text
    assert "infeasible: a b 1" in text
    assert "importance: x y 1.00" in text


def test_json_has_all_of_it(rows):
    found = json.loads(json.dumps(study_json(STUDY, as_json(rows)), allow_nan=False))
    assert found["study"]["importances"] == {"training.learning_rate": 0.61, "network.growth_rate": 0.39}
    assert found["study"]["front"] == [0, 2]
    first, second, _, alone, *_, failed = found["trials"]
    assert first["figure"] == pytest.approx(0.96)
    assert (first["figure_low"], first["figure_high"]) == pytest.approx((0.93516, 0.98484), abs=1e-5)
    assert first["test_figure"] == pytest.approx(0.94)
    assert (first["seeds"], first["confirmations"], first["front"]) == ([1, 2, 3], 3, True)
    assert first["validation_accuracy"] == 0.98, "the trial's own figure stays what it was"
    assert second["tied_with_first"] is True
    assert (alone["seeds"], alone["test_figure"]) == ([], None)
    assert (failed["figure"], failed["figure_low"]) == (None, None)
    assert failed["reason"] == "the loss is not finite in epoch 2"


def test_csv_has_the_same_columns(rows):
    first, *others = csv.DictReader(io.StringIO(as_csv(rows)))
    assert float(first["figure"]) == pytest.approx(0.96)
    assert first["seeds"] == "[1, 2, 3]"
    assert others[0]["tied_with_first"] == "true"
    assert others[-1]["figure"] == ""


def test_markdown_has_the_same_columns(rows):
    heading, _, first, second, *_ = as_markdown(rows).splitlines()
    assert heading.startswith("| # | name | tied | front | validation | 95 % interval | seeds | test |")
    assert first.startswith("| 1 | trial-0000 |  | ◆ | 96.00 % | ± 2.48 | 3 | 94.00 ± 0.00 % |")
    assert "| = #1 |" in second


def test_columns_that_would_say_nothing_are_left_out(make):
    study = replace(STUDY, objectives=("validation",))
    trials = [make(f"trial-{n}", 0.9 - n / 3, study="small", trial=n) for n in (0, 1)]
    heading = as_markdown(rank_trials(trials, study)).splitlines()[0]
    assert heading.startswith("| # | name | validation | 95 % interval | parameters |")


def test_u_nets_are_headed_by_their_figure(make):
    masks = Metrics(0.3, 0.95, 9000, 0.7)
    rows = rank_trials([make("trial-0", trial=0, last=masks, best=masks)], StudyRecord("small"))
    heading, _, only = as_markdown(rows).splitlines()
    assert heading.startswith("| # | name | mean IoU | parameters |")
    assert "| 70.00 % |" in only
    best = rank_trials([make("trial-0", trial=0)], StudyRecord("small", select="best"))
    assert "| best epoch |" in as_markdown(best)


def test_confirmations_that_are_missing_are_told(make):
    one = make("trial-0", trial=0)
    again = [
        replace(one, confirmation=True, seed=1),
        replace(one, confirmation=True, seed=2, state="running"),
    ]
    assert "| 1 of 2 |" in as_markdown(rank_trials([one, *again], StudyRecord("small")))
