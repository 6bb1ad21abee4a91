"""Numbers, values and lines as a person reads them."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from dnsearch.report import units
from dnsearch.report.units import epoch_line, run_line
from dnsearch.runs.record import EpochRecord, Metrics, RunRecord


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.97222, "97.22 %"), (1.0, "100.00 %"), (0.0, "0.00 %"), (None, "–"), (math.nan, "–")],
)
def test_percent(share: float | None, shown: str) -> None:
    assert units.percent(share) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (504_052, "504,052"),
        (9_999_999, "9,999,999"),
        (10_000_000, "10.0M"),
    ],
)
def test_count(number: int, shown: str) -> None:
    assert units.count(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (504_052, "504.1k"),
        (999_949, "999.9k"),
        (999_960, "1.0M"),
        (12_345_678, "12.3M"),
        (15_300_000_000, "15.3G"),
        (2 * 10**12, "2.0T"),
    ],
)
def test_short_count(number: int, shown: str) -> None:
    assert units.short_count(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 m 00 s"),
        (245.0, "4 m 05 s"),
        (3599.4, "59 m 59 s"),
        (3599.6, "1 h 00 m"),
        (3725.0, "1 h 02 m"),
        (86_399.0, "23 h 59 m"),
        (86_400.0, "1 d 00 h"),
        (200_000.0, "2 d 07 h"),
    ],
)
def test_duration(seconds: float, shown: str) -> None:
    assert units.duration(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(999, "999 B"), (1000, "1.0 kB"), (999_960_000, "1.0 GB"), (2_755_000_000, "2.8 GB")],
)
def test_size(number: int, shown: str) -> None:
    assert units.size(number) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([2, 2, 2], "2-2-2"),
        ((12,), "12"),
        ([], ""),
        ([0.5, 0.75], "0.5, 0.75"),
        ([-1, 2], "-1, 2"),
        ([[1, 2], [3]], "1-2, 3"),
        (["a", "b"], "a, b"),
        (0.00012345, "0.000123"),
        (0.1, "0.1"),
        (1e-9, "1e-09"),
        (64, "64"),
        (True, "true"),
        (None, "null"),
        ("avg", "avg"),
        ("two\nlines", "two lines"),
        ({"name": "sgd", "momentum": 0.9}, "name sgd, momentum 0.9"),
    ],
)
def test_setting(value: Any, shown: str) -> None:
    assert units.setting(value) == shown


def test_one_line_keeps_letters_and_drops_what_moves_the_cursor() -> None:
    assert units.one_line("θ [red]\x1b[31m\r\n\tnet\udcff") == "θ [red] [31m net"


@pytest.mark.parametrize(
    ("longest", "shown"), [(30, "the loss is not finite"), (12, "the loss is…"), (1, "…")]
)
def test_shortened(longest: int, shown: str) -> None:
    assert units.shortened("the loss is not finite", longest) == shown


Make = Callable[..., RunRecord]


def test_an_epoch_is_one_line() -> None:
    epoch = EpochRecord(3, 0.1, Metrics(0.4123, 0.881, 1000), Metrics(0.38, 0.892, 180), 12.34, 1234.5)
    assert epoch_line(epoch, 10) == (
        "epoch  3/10  training 88.10 % (loss 0.4123)  validation 89.20 % (loss 0.3800)  "
        "12.3 s  1,234 images/s"
    )


def test_an_epoch_that_went_wrong_is_one_line() -> None:
    broken = Metrics(math.nan, 0.1, 10)
    line = epoch_line(EpochRecord(1, 0.1, broken, broken, 1.0, 10.0), 1)
    assert line == "epoch 1/1  training 10.00 % (loss nan)  validation 10.00 % (loss nan)  1.0 s  10 images/s"


def test_a_trial_is_one_line(make: Make) -> None:
    record = make("trial-0007", 0.97222, trial=7, wall_seconds=3.14)
    assert run_line(record) == "trial 7  finished  validation 97.22 %  43,210 parameters  5 epochs  3.1 s"


def test_a_run_is_told_by_its_name_and_its_test(make: Make) -> None:
    record = make("article", epochs=1, test=Metrics(0.1, 0.5, 9))
    assert run_line(record) == (
        "article  finished  validation 90.00 %  test 50.00 %  43,210 parameters  1 epoch  12.3 s"
    )


def test_a_run_that_failed_says_why_on_the_same_line(make: Make) -> None:
    record = make("[red]\nnet", None, state="failed", parameters=None, reason="runs/a\n  no memory\x1b[0m")
    assert run_line(record) == "[red] net  failed  0 epochs  0.0 s  runs/a no memory [0m"


def test_a_long_reason_is_shortened(make: Make) -> None:
    line = run_line(make("a", None, state="failed", reason="x" * 500))
    assert line.endswith("x…")
    assert len(line) < 200


def test_of_a_u_net_mean_iou_is_told(make: Callable[..., RunRecord]) -> None:
    metrics = Metrics(0.38, 0.892, 180, 0.5)
    line = epoch_line(EpochRecord(3, 0.1, Metrics(0.4, 0.8, 1000), metrics, 12.34, 1234.5), 10)
    assert "validation 89.20 % (loss 0.3800, mean IoU 50.00 %)" in line
    assert "validation mean IoU 50.00 %" in run_line(make("unet", last=metrics, best=metrics))
