"""The last rung of a search: its best trials are trained again, on seeds that had no part in choosing them.

What is to do follows from the trials' order and the folders alone, also after a kill. The retrainings are in
``STUDY/confirm/trial-0003-seed-1``; the trials that they confirm are ranked by the mean over them. The trial
itself does not count: it was chosen for its score, which therefore flatters it. The validation images have
chosen it too, so that mean still flatters; the figure to quote is the mean on the test images.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

from dnsearch.errors import RunError
from dnsearch.evaluate.intervals import Figure, mean_over_seeds
from dnsearch.plan.limits import planned
from dnsearch.runs.atomic import atomic_write
from dnsearch.runs.folder import BEST, CONFIRM, RunFolder, trial_name
from dnsearch.runs.record import Metrics, Origin, RunRecord, opening, order
from dnsearch.runs.scan import known
from dnsearch.search.feasibility import facts
from dnsearch.search.messages import Request
from dnsearch.search.proposal import Proposal
from dnsearch.spec.document import load, resolved_yaml


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A trial that was trained again."""

    trial: int
    seeds: int  # finished retrainings
    validation: Figure  # their mean score, with Student's interval; of a single one no wider than the score
    test: Figure | None  # likewise, on the test images; None where there are none
    parameters: int


def confirmed(folder: Path, select: str) -> list[Confirmed]:
    """The trials with a finished retraining, the best mean first; of equal ones, the smallest network."""
    by_trial: dict[int, list[RunRecord]] = defaultdict(list)
    for path in sorted((folder / CONFIRM).glob("trial-*-seed-*")):
        with suppress(RunError):  # the leaderboard names it; a damaged record confirms nothing
            record = RunFolder(path).read()
            if record.state == "finished" and record.trial is not None:
                by_trial[record.trial].append(record)
    found: list[Confirmed] = []
    for trial, records in by_trial.items():
        validation = _mean_score([each.last if select == "last" else each.best for each in records])
        if validation is not None:
            parameters = records[0].parameters.trainable if records[0].parameters else 0
            test = _mean_score([each.test for each in records])
            found.append(Confirmed(trial, len(records), validation, test, parameters))
    return sorted(found, key=lambda each: order(each.validation.value, each.parameters, each.trial))


def _mean_score(metrics: Sequence[Metrics | None]) -> Figure | None:
    scores = [each.score for each in metrics if each is not None]
    if len(scores) > 1:
        return mean_over_seeds(scores)
    return Figure(scores[0], scores[0], scores[0]) if scores else None


def fresh_seed(seed: int, trial: int, repetition: int, own: int) -> int:
    """The seed of a retraining, from 0 to 2³² - 1; never the trial's ``own``. Repetitions count from 1.

    >>> fresh_seed(0, 3, 1, own=0), fresh_seed(0, 3, 1, own=684469130)
    (684469130, 684469131)
    """
    fresh = crc32(f"confirm {seed} {trial} {repetition}".encode())
    return fresh if fresh != own else fresh ^ 1


def missing(request: Request, ranked: list[int]) -> list[Proposal]:
    """The retrainings that have not ended, the best trial's first.

    Trials whose folder is gone are passed over.
    """
    if (wanted := request.spec.tune.confirm) is None:
        return []
    trials = (RunFolder(request.folder / trial_name(number)) for number in ranked)
    trained = [run for run in trials if run.record.exists() and run.resolved.exists()][: wanted.top]
    numbers = range(1, wanted.seeds + 1)
    retrainings = (_retraining(request, run, number) for run in trained for number in numbers)
    return [each for each in retrainings if not _has_ended(each.record)]


def _retraining(request: Request, trial: RunFolder, repetition: int) -> Proposal:
    record, document = trial.read(), load(str(trial.resolved))
    number = record.trial or 0
    seed = fresh_seed(request.spec.tune.seed, number, repetition, document.experiment.training.seed)
    name = f"{trial.name}-seed-{repetition}"
    reseeded = document.with_values({"training.seed": seed}, name)
    changed = planned(reseeded, facts(request.spec.image_shape, request.spec.classes), limits=False)
    run = RunFolder(request.folder / CONFIRM / name)
    origin = Origin(request.folder.name, number, confirmation=True)
    opened = opening(name, changed.experiment, record.parameters, record.macs, origin)
    return Proposal(changed, run, origin, known(run, replace(opened, parts=record.parts)), trial=None)


def _has_ended(record: RunRecord) -> bool:
    tested = record.test is not None or bool(record.reason)  # which says why there are no test metrics
    return record.state == "failed" or (record.state == "finished" and tested)


def write_best(folder: Path, number: int, confirmed: Confirmed | None = None) -> None:
    """Write the spec of a study's best trial beside the trials, unless a person has removed its folder."""
    run = RunFolder(folder / trial_name(number))
    if not (run.record.exists() and run.resolved.exists()):
        return
    record, experiment, retrained = run.read(), load(str(run.resolved)).experiment, ""
    if confirmed is not None:
        seeds = "1 fresh seed" if confirmed.seeds == 1 else f"{confirmed.seeds} fresh seeds"
        figure = f"validation {_percent(confirmed.validation)}, of the images that chose it"
        if confirmed.test is not None:
            figure = f"test {_percent(confirmed.test)}; {figure}"
        retrained = f"# Seeds:    {seeds}: {figure}\n"
    heading = f"""\
# The best network of study {folder.name}.
#
# Found:    {run.name}, {record.epochs} epochs, validation {_scores(record)}
{retrained}# Settings: fingerprint {record.fingerprint}; the trial's folder lies beside this file
# Run:      dnsearch train {folder / BEST}
"""
    best = experiment.model_copy(update={"name": f"{experiment.name[:95]}-best", "tune": None})
    expect = f"expect:\n  parameters: {record.parameters.trainable}\n" if record.parameters else ""
    content = (heading + resolved_yaml(best) + expect).encode()
    path = folder / BEST
    if not path.exists() or path.read_bytes() != content:
        atomic_write(path, content)


def _percent(figure: Figure) -> str:
    low, high = max(0.0, figure.low), min(1.0, figure.high)
    between = f" ({100 * low:.2f} to {100 * high:.2f})" if low < high else ""
    return f"{100 * figure.value:.2f} %{between}"


def _scores(record: RunRecord) -> str:
    if record.last is None or record.best is None:
        return "unknown"
    last, best = (f"{100 * metrics.score:.2f} %" for metrics in (record.last, record.best))
    kind = "accuracy" if record.last.mean_iou is None else "mean IoU"
    return f"{kind} {last} at the last epoch, {best} at epoch {record.best_epoch}"
