import io
from collections.abc import Callable

import pytest
from rich.console import Console, Group

from dnsearch.report.leaderboard import Running, live
from dnsearch.report.ranking import rank
from dnsearch.runs.record import RunRecord

Make = Callable[..., RunRecord]


def drawn(picture: Group, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(picture)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def runs(make: Make) -> list[RunRecord]:
    """Thirty trials of different growth rates."""
    return [
        make(f"trial-{n:04}", n / 100, {"network.growth_rate": n, "network.layers_per_block": [n]})
        for n in range(30)
    ]


def at_work(number: int) -> list[Running]:
    return [(f"trial-{40 + n}", n % 5, 5, n / 10 if n else None) for n in range(number)]


def test_the_best_the_running_and_the_progress_are_shown(runs: list[RunRecord]) -> None:
    text = drawn(live(rank(runs), at_work(2), done=30, total=120, elapsed_seconds=900.0))
    assert "Best so far" in text
    assert "29.00 %" in text
    first, second, progress = text.splitlines()[-3:]
    assert first.startswith("trial-40  ")
    assert first.rstrip().endswith("epoch 0/5        –")
    assert "━" in second
    assert second.rstrip().endswith("epoch 1/5  10.00 %")
    assert progress.strip() == (
        "30/120 trials  ·  15 m 00 s so far  ·  120 trials an hour  ·  about 45 m 00 s to go"
    )


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize(("height", "running"), [(12, 1), (16, 2), (24, 0), (24, 4), (24, 30), (40, 8)])
def test_the_picture_fits_the_height(runs: list[RunRecord], height: int, running: int, width: int) -> None:
    picture = live(rank(runs), at_work(running), 30, 120, 900.0, height=height, width=width)
    lines = drawn(picture, width).splitlines()
    assert height - 4 <= len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("trial-0029" in line for line in lines)


def test_a_tiny_terminal_shows_the_best_at_least(runs: list[RunRecord]) -> None:
    text = drawn(live(rank(runs), at_work(9), 30, 120, 900.0, height=3))
    assert "trial-0029" in text
    assert "trial-40" in text
    assert "… and 8 more at work" in text


def test_before_the_first_trial_there_is_no_rate() -> None:
    text = drawn(live([], at_work(1), done=0, total=12, elapsed_seconds=3.0))
    assert "Best so far" not in text
    assert text.splitlines()[-1].strip() == "0/12 trials  ·  3.0 s so far"


def test_after_the_last_trial_nothing_remains(runs: list[RunRecord]) -> None:
    text = drawn(live(rank(runs), [], done=12, total=12, elapsed_seconds=60.0))
    assert text.splitlines()[-1].strip().endswith("720 trials an hour  ·  all done")


def test_more_trials_than_planned_are_no_negative_time(runs: list[RunRecord]) -> None:
    assert "all done" in drawn(live(rank(runs), [], done=13, total=12, elapsed_seconds=60.0))


def test_names_are_shown_letter_by_letter() -> None:
    text = drawn(live([], [("[red]\x1b[2J", 1, 0, None)], 0, 1, 0.0))
    assert "[red] [2J" in text
    assert "\x1b" not in text


def test_a_picture_is_drawn_anew_each_time(runs: list[RunRecord]) -> None:
    rows = rank(runs)
    pictures = [drawn(live(rows, at_work(2), 30, 120, 900.0)) for _ in range(2)]
    assert pictures[0] == pictures[1]
