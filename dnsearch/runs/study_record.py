"""What a search leaves behind beside its runs: ``study.json``, the facts about the study as a whole.

Whoever reads it needs no database. It is replaced whole, at most every few seconds while a search goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import with_config

from dnsearch.runs.atomic import atomic_write, reading
from dnsearch.runs.record import STRICT, Number
from dnsearch.runs.record_json import from_json, to_json

STUDY = "study.json"


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class StudyRecord:
    """One study.

    Args:
        name: the study's name.
        state: searching or ended. Of a search that was killed the file still says searching; read with
            ``scan.study_as_it_is`` it is interrupted.
        objectives: what it searches for, validation first in most studies.
        select: which epoch's validation figure a trial is judged by.
        trials: how many there are: finished, pruned, failed, paused, running.
        proposals: what the sampler has asked for, trials and infeasible ones together.
        infeasible: constraint → how many proposals broke it; one that broke two is counted with each.
        infeasible_proposals: how many proposals broke any.
        epochs_trained: epochs of all trials.
        epochs_saved: further epochs that the pruned and paused trials would have taken to their ends.
        importances: parameter → its share of the importance (PED-ANOVA), the largest first; they sum to 1.
        importances_missing: why there are none.
        front: numbers of the finished trials that no other one beats in every objective; with one objective
            there are none.
    """

    name: str
    state: Literal["searching", "ended", "interrupted"] = "searching"
    objectives: tuple[str, ...] = ("validation",)
    select: Literal["last", "best"] = "last"
    trials: Mapping[str, int] = field(default_factory=dict)
    proposals: int = 0
    infeasible: Mapping[str, int] = field(default_factory=dict)
    infeasible_proposals: int = 0
    epochs_trained: int = 0
    epochs_saved: int = 0
    importances: Mapping[str, Number] = field(default_factory=dict)
    importances_missing: str = ""
    front: tuple[int, ...] = ()


def is_study(folder: Path) -> bool:
    """Whether a folder holds the record of a study."""
    return (folder / STUDY).is_file()


def write_study(folder: Path, record: StudyRecord) -> None:
    """Make a record the one of a study's folder; a file that says the same already stays as it is.

    Raises:
        RunError: the file cannot be written.
    """
    path, content = folder / STUDY, to_json(record, indent=2) + b"\n"
    if not path.exists() or path.read_bytes() != content:
        atomic_write(path, content)


def read_study(folder: Path) -> StudyRecord:
    """The record of a study's folder.

    Raises:
        RunError: it is not there, or damaged.
    """
    path = folder / STUDY
    with reading(path):
        content = path.read_bytes()
    return from_json(StudyRecord, content, str(path))
