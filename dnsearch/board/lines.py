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
    return f"{units.percent(metrics.accuracy)} (loss {metrics.loss:.4f})"


def run_line(record: RunRecord) -> str:
    """One run that has ended, whichever way."""
    parts = [
        units.one_line(record.name) if record.trial is None else f"trial {record.trial}",
        record.state,
        *([f"validation {units.percent(record.last.accuracy)}"] if record.last else []),
        *([f"test {units.percent(record.test.accuracy)}"] if record.test else []),
        *([f"{units.count(record.parameters.trainable)} parameters"] if record.parameters else []),
        "1 epoch" if record.epochs == 1 else f"{record.epochs} epochs",
        units.duration(record.wall_seconds),
        *([units.shortened(units.one_line(record.reason), 120)] if record.reason else []),
    ]
    return "  ".join(parts)
