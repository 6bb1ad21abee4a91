"""How a trial ends without a child's own word, and the best trial's YAML."""

from dataclasses import replace
from pathlib import Path

from dnsearch.evaluate.intervals import Figure
from dnsearch.runs.atomic import atomic_write
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import RunRecord
from dnsearch.spec.document import load, resolved_yaml
from dnsearch.study.confirmed import Confirmed
from dnsearch.study.work.proposal import Proposal, known

BEST = "best.yaml"


def failed(proposal: Proposal, reason: str) -> RunRecord:
    """The record of a trial that could not end by itself, with the epochs that it did."""
    return replace(known(proposal.folder, proposal.record), state="failed", reason=reason)


def same_as(proposal: Proposal, twin: RunRecord) -> RunRecord:
    """The record of a trial whose settings another trial had: that one's outcome, without its time."""
    because = f": {twin.reason}" if twin.state == "failed" else ""
    return replace(
        twin,
        name=proposal.folder.name,
        trial=proposal.origin.trial,
        reason=f"same settings as {twin.name}; not trained again{because}",
        wall_seconds=0.0,
    )


def write_best(folder: Path, number: int, confirmed: Confirmed | None = None) -> None:
    """Write the spec of a study's best trial beside the trials, with where it comes from.

    ``dnsearch train`` takes it as it is. A file that says the same already stays as it is.

    Args:
        folder: the study's folder.
        number: number of the best trial.
        confirmed: what its retrainings came to, if there are any.

    Raises:
        RunError: the trial cannot be read, or the file cannot be written.
    """
    run = RunFolder(folder / trial_name(number))
    record, experiment = run.read(), load(str(run.resolved)).experiment
    heading = f"""\
# The best network of study {folder.name}.
#
# Found:    {run.name}, {record.epochs} epochs, validation {_scores(record)}
{_heading(confirmed)}# Settings: fingerprint {record.fingerprint}; the trial's folder lies beside this file
# Run:      dnsearch train {folder / BEST}
"""
    best = experiment.model_copy(update={"name": f"{experiment.name[:95]}-best", "tune": None})
    expect = f"expect:\n  parameters: {record.parameters.trainable}\n" if record.parameters else ""
    content = (heading + resolved_yaml(best) + expect).encode()
    path = folder / BEST
    if not path.exists() or path.read_bytes() != content:
        atomic_write(path, content)


def _heading(confirmed: Confirmed | None) -> str:
    if confirmed is None:
        return ""
    seeds = "1 fresh seed" if confirmed.seeds == 1 else f"{confirmed.seeds} fresh seeds"
    return f"# Seeds:    {seeds}: validation {_mean(confirmed.validation)}{_test(confirmed)}\n"


def _test(confirmed: Confirmed) -> str:
    return "" if confirmed.test is None else f", test {_mean(confirmed.test)}"


def _mean(figure: Figure) -> str:
    low, high = max(0.0, figure.low), min(1.0, figure.high)
    between = f" ({100 * low:.2f} to {100 * high:.2f})" if low < high else ""
    return f"{100 * figure.value:.2f} %{between}"


def _scores(record: RunRecord) -> str:
    if record.last is None or record.best is None:
        return "unknown"
    last, best = (f"{100 * metrics.score:.2f} %" for metrics in (record.last, record.best))
    kind = "accuracy" if record.last.mean_iou is None else "mean IoU"
    return f"{kind} {last} at the last epoch, {best} at epoch {record.best_epoch}"
