import io
import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console

from dnsearch.report.columns import arranged
from dnsearch.report.leaderboard import folded, leaderboard, strips
from dnsearch.report.ranking import Row, rank
from dnsearch.runs.record import Metrics, RunRecord

Make = Callable[..., RunRecord]


def drawn(rows: list[Row], width: int, *columns: str, color: bool = False) -> str:
    """What a terminal of that width shows."""
    system = "standard" if color else None
    console = Console(
        file=io.StringIO(), width=width, force_terminal=color, color_system=system, legacy_windows=False
    )
    console.print(leaderboard(rows, "Leaderboard", columns, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def runs(make: Make) -> list[RunRecord]:
    """Eleven runs that differ in seven settings; two went wrong."""
    names = ("growth_rate", "bottleneck_width", "compression", "dropout")
    trials = [
        make(
            f"trial-{number:04}",
            0.8 + number / 100,
            {f"network.{name}": number for name in names}
            | {"network.layers_per_block": [number] * 3, "training.learning_rate": 10.0**-number},
            study="small",
            trial=number,
        )
        for number in range(9)
    ]
    failed = make(
        "trial-0009", None, state="failed", reason="the loss is not finite in epoch 2", study="small"
    )
    interrupted = make(
        "trial-0010", 0.5, state="interrupted", reason="the process ended without a word", study="small"
    )
    return [*trials, failed, interrupted]


@pytest.mark.parametrize("width", [80, 100, 160, 250])
def test_no_line_is_wider_than_the_terminal_and_none_is_broken(runs: list[RunRecord], width: int) -> None:
    lines = drawn(rank(runs), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert sum("  trial-00" in line for line in lines) == 11
    assert sum("───" in line for line in lines) == 1


@pytest.mark.parametrize("width", [80, 100, 160])
def test_what_is_needed_is_shown_at_every_width(runs: list[RunRecord], width: int) -> None:
    text = drawn(rank(runs), width)
    for needed in (
        "Leaderboard",
        "name",
        "validation",
        "parameters",
        "88.00 %",
        "43,210",
        "finished",
        "failed: the",
    ):
        assert needed in text


def test_wider_terminals_show_more(runs: list[RunRecord]) -> None:
    rows = rank(runs)
    hidden = [len(strips(arranged(rows), rows, width)[1]) for width in (80, 100, 120, 250)]
    assert hidden == sorted(hidden, reverse=True)
    assert hidden[0] > hidden[1] > hidden[2] > hidden[3] == 0


def test_the_caption_tells_how_much_is_hidden(runs: list[RunRecord]) -> None:
    rows = rank(runs)
    _, hidden = strips(arranged(rows), rows, 80)
    assert f"{len(hidden)} columns hidden at this width; --json shows all." in drawn(rows, 80)
    assert "hidden" not in drawn(rows, 250)


def test_the_caption_names_what_is_hidden_where_there_is_room(make: Make) -> None:
    rows = rank([make("a-rather-long-name-of-a-run", settings={"training.seed": 3}), make()])
    assert "1 column hidden at this width (macs); --json shows all." in drawn(rows, 90)


def test_settings_come_before_time_and_macs(runs: list[RunRecord]) -> None:
    finished = [run for run in runs if run.state == "finished"]
    text = drawn(rank(finished), 80)
    assert "growth_" in text
    assert "8-8-8" in text
    assert "macs" not in text


def test_a_column_asked_for_is_never_hidden(runs: list[RunRecord]) -> None:
    for width in (80, 100):
        text = drawn(rank(runs), width, "macs", "learning_rate")
        assert "12.3M" in text
        assert "learning_" in text


def test_no_runs_say_how_to_make_some() -> None:
    assert "No runs. Make one with: dnsearch train SPEC" in drawn([], 80)


def test_markup_is_shown_letter_by_letter(make: Make) -> None:
    rows = rank([make("[red]net[/red]", state="failed", reason="[bold]no[/bold] memory [/]")])
    text = drawn(rows, 160)
    assert "[red]net[/red]" in text
    assert "failed: [bold]no[/bold] memory [/]" in text


def test_markup_in_settings_and_titles_is_shown_letter_by_letter(make: Make) -> None:
    rows = rank([make(settings={"data.[b]path": "[i]x"}), make(settings={"data.[b]path": "[/i]y"})])
    console = Console(file=io.StringIO(), width=160)
    console.print(leaderboard(rows, "[blink]title", width=160))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert all(word in text for word in ("[blink]title", "[b]path", "[i]x", "[/i]y"))


def test_control_characters_do_not_reach_the_terminal(make: Make) -> None:
    text = drawn(rank([make("a\x1b[2Jb\nc", state="failed", reason="x\x1b]0;y\x07z")]), 120)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "a [2Jb c" in text


def test_the_best_is_bold_and_states_have_colours(make: Make) -> None:
    rows = rank(
        [make("a", 0.9), make("b", 0.8), make("c", 0.7, state="pruned"), make("d", None, state="failed")]
    )
    lines = drawn(rows, 120, color=True).splitlines()
    best, second, pruned, failed = lines[-4:]
    assert "\x1b[1m" in best
    assert "\x1b[1;32m" in best
    assert "\x1b[1m" not in second
    assert "\x1b[32mfinished" in second
    assert "\x1b[2;33m" in pruned
    assert "\x1b[2;31m" in failed


def test_a_long_reason_ends_in_an_ellipsis(runs: list[RunRecord]) -> None:
    assert re.search(r"failed: the loss is.{0,9}…", drawn(rank(runs), 80))
    assert "failed: the loss is not finite in epoch 2" in drawn(rank(runs), 250)


def test_an_interrupted_run_is_named_whole_where_its_reason_has_no_room(runs: list[RunRecord]) -> None:
    others = [run for run in runs if run.state != "failed"]
    line = next(line for line in drawn(rank(others), 80).splitlines() if "trial-0010" in line)
    assert line.rstrip().endswith("  interrupted")
    assert "interrupted: the process ended without a word" in drawn(rank(others), 250)


def test_a_long_name_gives_way(make: Make) -> None:
    rows = rank([make("x" * 60, study="y" * 60), make("z", 0.5)])
    for width in (60, 80):
        lines = drawn(rows, width).splitlines()
        assert max(map(cell_len, lines)) <= width
        best = next(line for line in lines if line.startswith("1 "))
        assert "yyyyyyy…" in best
        assert "43,210" in best


def test_wide_letters_are_counted_as_wide(make: Make) -> None:
    lines = drawn(rank([make("網路網路"), make("net", 0.5)]), 80).splitlines()
    assert len({cell_len(line) for line in lines[2:4]}) == 1


def test_a_terminal_narrower_than_all_that_is_needed_still_shows_it(runs: list[RunRecord]) -> None:
    lines = drawn(rank(runs), 30).splitlines()
    assert max(map(cell_len, lines)) <= 30


def test_the_test_accuracy_is_shown_where_somebody_looked(make: Make) -> None:
    text = drawn(rank([make("a", test=Metrics(1, 0.8765, 9)), make("b")]), 80)
    assert "87.65 %" in text
    assert "test" in text


@pytest.mark.parametrize(
    ("heading", "shown"),
    [
        ("layers_per_block", ["layers_", "per_block"]),
        ("growth_rate", ["growth_", "rate"]),
        ("batch_norm.momentum", ["batch_norm.", "momentum"]),
        ("first step", ["first", "step"]),
        ("pooling", ["pooling"]),
        ("_", ["_"]),
        ("", [""]),
    ],
)
def test_headings_are_folded_between_words(heading: str, shown: list[str]) -> None:
    assert folded(heading) == shown
