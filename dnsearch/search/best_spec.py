"""What a search keeps of its best trials: the best one's spec as ``best.yaml``, the files of the best few.

Looking into every folder after every trial would make a search of 10,000 trials slow. A trial that ends is
either among the best, and then the one just behind them loses its files, or it loses its own.
"""

from collections.abc import Sequence
from pathlib import Path

from dnsearch.evaluate.intervals import Figure
from dnsearch.runs.atomic import atomic_write
from dnsearch.runs.cleaning import heavy, remove
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import RunRecord
from dnsearch.search.confirm import Confirmed
from dnsearch.spec.document import load, resolved_yaml

BEST = "best.yaml"


def thin(folder: Path, ranked: Sequence[int], ended: int, keep: int) -> None:
    """Remove checkpoints and weights of a trial that ended, or of the one that it pushed out of the best.

    Args:
        folder: the study's folder.
        ranked: numbers of the finished trials, the best first.
        ended: number of the trial that ended just now.
        keep: how many of the best keep everything.

    Raises:
        RunError: a file cannot be removed.
    """
    for number in {ended, *ranked[keep : keep + 1]} - {*ranked[:keep]}:
        remove(heavy(RunFolder(folder / trial_name(number))))


def write_best(folder: Path, number: int, confirmed: Confirmed | None = None) -> None:
    """Write the spec of a study's best trial beside the trials, with where it comes from.

    ``dnsearch train`` takes it as it is. A file that says the same already stays as it is, and so it does
    where a person has removed the trial's folder.

    Args:
        folder: the study's folder.
        number: number of the best trial.
        confirmed: the result of its retrainings, if there are any.

    Raises:
        RunError: the trial cannot be read, or the file cannot be written.
    """
    run = RunFolder(folder / trial_name(number))
    if not (run.record.exists() and run.resolved.exists()):
        return
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
    test = "" if confirmed.test is None else f", test {_mean(confirmed.test)}"
    return f"# Seeds:    {seeds}: validation {_mean(confirmed.validation)}{test}\n"


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
