"""What the retrainings of a study's best trials have come to, read from their folders.

They lie in ``STUDY/confirm/trial-0003-seed-1``; the trials that they confirm are ranked by the mean over
them. The trial itself does not count: it was chosen for its figure, which therefore flatters it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dnsearch.errors import RunError
from dnsearch.evaluate.intervals import Figure, mean_over_seeds
from dnsearch.runs.folder import RunFolder, is_run
from dnsearch.runs.record import Metrics, RunRecord

FOLDER = "confirm"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A trial that was trained again.

    Args:
        trial: its number.
        seeds: finished retrainings.
        validation: their mean score; its interval is Student's, and of a single one as wide as the figure.
        test: likewise, on the test images; None where there are none.
        parameters: of its network.
    """

    trial: int
    seeds: int
    validation: Figure
    test: Figure | None
    parameters: int


def confirmed(folder: Path, select: str) -> list[Confirmed]:
    """The trials with a finished retraining, the best mean first; of equal ones, the smallest network.

    Args:
        folder: the study's folder.
        select: whether a training is judged by its ``last`` or its ``best`` epoch.
    """
    by_trial: dict[int, list[RunRecord]] = defaultdict(list)
    for record in _records(folder / FOLDER):
        if record.state == "finished" and record.trial is not None:
            by_trial[record.trial].append(record)
    found = [_summed(trial, records, select) for trial, records in by_trial.items()]
    return sorted(found, key=lambda each: (-each.validation.value, each.parameters, each.trial))


def _records(folder: Path) -> Iterable[RunRecord]:
    for path in sorted(folder.glob("trial-*-seed-*")):
        try:
            if is_run(path):
                yield RunFolder(path).read()
        except RunError:  # the leaderboard names it; a damaged record confirms nothing
            continue


def _summed(trial: int, records: Sequence[RunRecord], select: str) -> Confirmed:
    validation = [record.last if select == "last" else record.best for record in records]
    test = [record.test for record in records if record.test is not None]
    parameters = records[0].parameters
    return Confirmed(
        trial,
        len(records),
        _mean([figure for figure in validation if figure is not None]),
        _mean(test) if test else None,
        parameters.trainable if parameters else 0,
    )


def _mean(figures: Sequence[Metrics]) -> Figure:
    scores = [figure.score for figure in figures]
    return mean_over_seeds(scores) if len(scores) > 1 else Figure(scores[0], scores[0], scores[0])
