"""What a study's leaderboard looks like: on terminals of several widths, and for programs."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from dnsearch.report.formats import as_csv, as_json, as_markdown, study_json
from dnsearch.report.leaderboard import study_board
from dnsearch.report.ranking import Row, rank_trials
from dnsearch.report.study_facts import NEXT, compare_command, effect_lines, facts
from dnsearch.runs.record import Effect, Metrics, RunRecord, StudyRecord

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
    scored_at=3,
    scored=60,
    importances={"training.learning_rate": 0.61, "network.growth_rate": 0.01},
    chances={"training.learning_rate": 0.11, "network.growth_rate": 0.02},
    effects={
        "training.learning_rate": (
            Effect(0.001, 0.01, 30, 0.70, 0.80, (0.74, 0.82)),
            Effect(0.011, 0.1, 30, 0.78, 0.86, (0.74, 0.82)),
        ),
        "network.growth_rate": (Effect(8, 8, 60, 0.75, 0.86, (0.75, 0.75)),),
    },
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
    best = line_of(text, 0)
    assert best[:2] == ["1", "trial-0000"]
    at = best.index("yes")
    assert best[at : at + 6] == ["yes", "◆", "94.00", "%", "96.00", "%"]
    assert line_of(text, 2)[:2] == ["3", "trial-0002"]
    for needed in ("growth_", "learning_", "finished", "pruned", "paused", "failed"):
        assert needed in text
    assert "± 0.00" not in text


def test_a_line_parts_the_confirmed_trials_from_the_others(rows):
    lines = drawn(rows, STUDY, 100).splitlines()
    at = [number for number, line in enumerate(lines) if line.startswith("───")]
    assert "trial-0000" in lines[at[0] + 1]
    assert "trial-0002" in lines[at[1] - 1]
    assert "trial-0003" in lines[at[1] + 1]
    assert len(at) == 2


def test_what_needs_room_and_says_little_gives_way(rows):
    healthy = [row for row in rows if row.record.state != "failed"]
    text = drawn(healthy, STUDY, 88)
    heads = " ".join(text.splitlines()[1:3])
    assert "growth_" in heads
    assert "learning_" in heads
    assert not any(word in heads for word in ("95 %", "macs", "time", "state"))


def test_seeds_are_shown_where_there_is_room(rows):
    text = drawn(rows, STUDY, 140)
    heading = next(line for line in text.splitlines() if "seeds" in line)
    at = heading.index("seeds")
    table = text.partition("best:")[0].splitlines()
    cells = [line[at : at + 5].strip() for line in table if "trial-000" in line]
    assert cells == ["3", "3", "3", "", "", "", ""]


def test_what_is_told_below_the_table(rows):
    assert facts(STUDY, rows) == [
        "best: trial-0000, test 94.00 % (3 fresh seeds); validation flatters it",
        "trials: 4 finished, 1 pruned, 1 paused, 1 failed",
        "proposals: 7 of 9 feasible (78 %); infeasible: macs 2",
        "epochs: 120 trained, 80 saved by stopping early (40 %)",
        "failed: 1 x the loss is not finite in epoch 2",
        "±: of the mean over fresh seeds (Student); else of the images alone (Wilson)",
        "may be best: not shown to be worse than #1, all finished trials together (95 %)",
        "◆: no other finished trial is better in all of validation, parameters",
        "importance (by chance up to): learning_rate 0.61 (0.11), growth_rate 0.01 (0.02)",
    ]
    assert max(map(cell_len, facts(STUDY, rows))) <= 80


def test_effects_by_value_are_told_with_what_chance_gives():
    assert effect_lines(STUDY) == [
        "",
        "effects by value: scores of 60 trials after epoch 3, in percent",
        "setting        value       trials   mean   by chance   best",
        "learning_rate  0.001–0.01      30  70.00*  74.0–82.0  80.00",
        "               0.011–0.1       30  78.00   74.0–82.0  86.00",
        "growth_rate    8               60  75.00   75.0–75.0  86.00",
        "*: not explained by chance",
        "",
    ]
    assert effect_lines(replace(STUDY, effects={})) == []


def test_of_many_settings_and_values_the_first_and_most_frequent_are_told():
    values = tuple(Effect(f"kind {n}", f"kind {n}", n, 0.5, 0.6, (0.4, 0.6)) for n in range(9))
    study = replace(STUDY, effects={f"network.setting_{n}": values for n in range(20)})
    lines = effect_lines(study)
    assert len(lines) == 4 + 12 * 6
    assert "kind 8" in lines[3]
    assert max(map(cell_len, lines)) <= 80


def test_importances_of_an_earlier_version_are_of_another_kind_and_not_told():
    study = StudyRecord("old", importances={"training.learning_rate": 1.0})
    assert not [fact for fact in facts(study, []) if fact.startswith("importance")]


def test_a_trial_confirmed_without_test_images_is_told_to_be_flattered(make):
    again = [make(f"trial-0-seed-{seed}", 0.9, trial=0, seed=seed, confirmation=True) for seed in (1, 2)]
    rows = rank_trials([make("trial-0", trial=0), *again], StudyRecord("small"))
    best = "best: trial-0, validation 90.00 % (2 fresh seeds); the images that chose it flatter it"
    assert facts(StudyRecord("small"), rows)[0] == best


@pytest.mark.parametrize(
    ("changed", "command"),
    [
        ({"network.pooling": "max"}, "runs/a b/trial-1/resolved.yaml' --vary network.pooling=avg,max"),
        ({"training.learning_rate": 0.1}, "resolved.yaml' --vary training.learning_rate=0.001,0.1"),
        ({"network.alpha.stem": 0.3, "network.alpha.layers": 0.3}, "--vary network.alpha=0.1,0.3"),
        ({"network.alpha.stem": 0.3}, "resolved.yaml' --vary network.alpha.stem=0.1,0.3"),
        ({"training.early_stopping": True}, "--vary training.early_stopping=null,true"),
        ({"network.pooling": "max", "network.growth_rate": 8}, "'runs/a b/trial-1' 'runs/a b/trial-2'"),
        ({"network.layers_per_block": [3, 3]}, "--vary 'network.layers_per_block=[2, 2, 2],[3, 3]'"),
        ({"network.pooling": "a,b"}, """--vary 'network.pooling=avg,"a,b"'"""),
        ({"network.pooling": {"kind": "max"}}, "'runs/a b/trial-1' 'runs/a b/trial-2'"),
    ],
)
def test_a_search_ends_by_proposing_to_compare_its_two_best(make, changed, command):
    best, second = make("trial-1", 0.9, trial=1), make("trial-2", 0.8, changed, trial=2)
    rows = rank_trials([best, second], StudyRecord("small"))
    found = compare_command(rows, Path("runs/a b"))
    assert found.startswith("dnsearch compare 'runs/a b/trial-1")
    assert found.endswith(command)
    console = Console(file=io.StringIO(), width=80)
    console.print(study_board(rows, StudyRecord("small"), width=80, folder=Path("runs/a b")))
    text, _, proposed = console.file.getvalue().partition(f"{NEXT}\n")
    assert text.startswith("study small, exploratory\n")
    assert proposed.replace("\\\n    ", "") == f"  {found}\n", "whole, to be copied"


def test_there_is_nothing_to_compare_before_two_trials_have_finished(make):
    trials = [make("trial-1", 0.9, trial=1), make("trial-2", 0.8, trial=2, state="pruned")]
    assert compare_command(rank_trials(trials, StudyRecord("small")), Path("runs/small")) == ""


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
        chances={"x\ny": 0.5},
        effects={"x\ny": (Effect("a\x1bb", "c", 1, 0.5, 0.5, (0.5, 0.5)),)},
    )
    text = drawn([], study, 100)
    assert "\x1b" not in text
    assert "[red]a [2J" in text
    assert "infeasible: a b 1" in text
    assert "importance (by chance up to): x y 1.00" in text
    assert "a b–c" in text


def test_json_has_all_of_it(rows):
    found = json.loads(json.dumps(study_json(STUDY, as_json(rows)), allow_nan=False))
    assert found["study"]["importances"] == {"training.learning_rate": 0.61, "network.growth_rate": 0.01}
    assert found["study"]["effects"]["network.growth_rate"][0]["trials"] == 60
    assert found["study"]["front"] == [0, 2]
    first, second, _, alone, *_, failed = found["trials"]
    assert first["accuracy"] == first["test"] == pytest.approx(0.94)
    assert first["validation"] == pytest.approx(0.96)
    ends = first["validation_low"], first["validation_high"]
    assert ends == pytest.approx((0.93516, 0.98484), abs=1e-5)
    assert (first["seeds"], first["confirmations"], first["front"]) == ([1, 2, 3], 3, True)
    assert first["validation_accuracy"] == 0.98, "the trial's own figure stays what it was"
    assert second["may_be_best"] is True
    assert (alone["seeds"], alone["test"]) == ([], None)
    assert (failed["accuracy"], failed["accuracy_low"]) == (None, None)
    assert failed["reason"] == "the loss is not finite in epoch 2"


def test_csv_has_the_same_columns(rows):
    first, *others = csv.DictReader(io.StringIO(as_csv(rows)))
    assert float(first["accuracy"]) == pytest.approx(0.94)
    assert first["seeds"] == "[1, 2, 3]"
    assert others[0]["may_be_best"] == "true"
    assert others[-1]["accuracy"] == ""


def test_markdown_has_the_same_columns(rows):
    heading, _, first, second, *_ = as_markdown(rows).splitlines()
    assert heading.startswith(
        "| # | name | growth_rate | learning_rate | may be best | front | test | validation | 95 % interval |"
    )
    assert "| yes | ◆ | 94.00 % | 96.00 % | ± 2.48 | 3 |" in first
    assert second.startswith("| 2 | trial-0001 |")


def test_columns_that_would_say_nothing_are_left_out(make):
    study = replace(STUDY, objectives=("validation",))
    trials = [make(f"trial-{n}", 0.9 - n / 3, study="small", trial=n) for n in (0, 1)]
    heading = as_markdown(rank_trials(trials[:1], study)).splitlines()[0]
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
