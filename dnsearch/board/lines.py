"""What train and tune say where there is no terminal: one plain line per event."""

from dnsearch.board import units
from dnsearch.records.record import EpochRecord, Metrics, RunRecord


def epoch_line(epoch: EpochRecord, planned: int) -> str:
    """One epoch.

    Args:
        epoch: what happened.
        planned: how many epochs the run shall have.
    """
    number = f"{epoch.epoch:>{len(str(planned))}}"
    parts = [
        f"epoch {number}/{planned}",
        f"training {_metrics(epoch.training)}",
        f"validation {_metrics(epoch.validation)}",
        units.duration(epoch.wall_seconds),
        f"{epoch.images_per_second:,.0f} images/s",
    ]
    return "  ".join(parts)


def _metrics(metrics: Metrics) -> str:
    overlap = "" if metrics.mean_iou is None else f", {score(metrics)}"
    return f"{units.percent(metrics.accuracy)} (loss {metrics.loss:.4f}{overlap})"


def score(metrics: Metrics) -> str:
    """What networks are chosen by, by its name.

    >>> score(Metrics(0.3, 0.9, 100)), score(Metrics(0.3, 0.9, 100, 0.75))
    ('accuracy 90.00 %', 'mean IoU 75.00 %')
    """
    return f"{'accuracy' if metrics.mean_iou is None else 'mean IoU'} {units.percent(metrics.score)}"


def run_line(record: RunRecord) -> str:
    """One run that has ended, whichever way."""
    parts = [
        units.one_line(record.name) if record.trial is None else f"trial {record.trial}",
        *([f"seed {record.seed}"] if record.confirmation else []),
        record.state,
        *([f"{in_parts(record.parts)} for lack of memory"] if record.parts else []),
        *([f"validation {_brief(record.last)}"] if record.last else []),
        *([f"test {_brief(record.test)}"] if record.test else []),
        *([f"{units.count(record.parameters.trainable)} parameters"] if record.parameters else []),
        "1 epoch" if record.epochs == 1 else f"{record.epochs} epochs",
        units.duration(record.wall_seconds),
        *([units.shortened(units.one_line(record.reason), 120)] if record.reason else []),
    ]
    return "  ".join(parts)


def in_parts(parts: int) -> str:
    """What is said of a run whose batches were too much for the memory as the spec has them."""
    return f"in {parts} parts"


def _brief(metrics: Metrics) -> str:
    return score(metrics).removeprefix("accuracy ")
