import math
from collections.abc import Callable

from dnsearch.report.units import epoch_line, run_line
from dnsearch.runs.record import EpochRecord, Metrics, RunRecord

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
