"""What a run leaves behind: one folder that a person can read and a program can resume.

::

    RUNS/article/              RUNS/<study>/trial-0000/ for the trials of a study
     ├── spec.yaml             the spec as it was written
     ├── resolved.yaml         the same with every default filled in
     ├── run.json              the RunRecord, replaced whole at every change
     ├── epochs.jsonl          one EpochRecord a line, appended after every epoch
     ├── preprocessing.json    what was done to the images
     ├── start.json            whose weights it started from, and the layers that they did not fit
     ├── checkpoint.npz        all that a resume needs, after the last epoch
     ├── checkpoint.previous.npz   the same after the epoch before, should the newer file be damaged
     ├── checkpoint.damaged.npz    one that was found damaged, out of the way of the good ones
     ├── weights.npz           the network's weights: the last epoch's, with tune.select: best the best one's
     ├── epochs.csv            the epochs as a table, where train was given --log csv
     ├── tensorboard/          the epochs as event files, where it was given --log tensorboard
     ├── export/               the network for use without dnsearch
     └── lock                  held while a process trains here

The epochs, the last weights and the record's figures can all be made from the checkpoint. So it is written
before them, and a resume brings them in line with it. ``run.json`` says "running" only while the lock is
held; whoever finds it so without a lock knows that the process died.
"""

import contextlib
import csv
import difflib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO

from dnsearch import input_files
from dnsearch.errors import Problem, RunError
from dnsearch.runs.atomic import atomic_write, reading, replacing, writing
from dnsearch.runs.hits import Hits, Part, read_hits
from dnsearch.runs.record import EpochRecord, RunRecord, StudyRecord
from dnsearch.runs.record_json import Record, from_json, from_lines, to_json, to_lines

RECORD, STUDY = "run.json", "study.json"
SPEC, BEST = "spec.yaml", "best.yaml"
"""Of a study or comparison: what was asked. Of a study: the spec of its best network."""
CONFIRM = "confirm"
"""Of a study: the folder of the retrainings that confirm its best trials."""


def is_run(folder: Path) -> bool:
    """Whether a folder holds the record of a run."""
    return (folder / RECORD).is_file()


def trial_name(number: int) -> str:
    """Name of a trial's run folder, such as ``trial-0007``."""
    return f"trial-{number:04d}"


def runs_under(folder: Path, depth: int = 2) -> Iterator[Path]:
    """The run folders at most ``depth`` levels below a folder, or the folder itself; sorted by path.

    Two levels are a folder of runs, and a folder of studies with their trials. Hidden folders are passed
    over. A folder that cannot be looked into counts as a run: whoever reads it learns why.
    """
    try:
        run = is_run(folder)
        entries = [] if run or not depth else sorted(folder.iterdir())
        below = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        run, below = True, []
    if run:
        yield folder
    for entry in below:
        yield from runs_under(entry, depth - 1)


def check_folder(path: Path) -> None:
    """Make sure that a folder that somebody named is there."""
    with reading(path):
        there = path.is_dir()
    if not there:
        found = "a file" if path.exists() else "nothing"
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, sorted(beside), n=1)
        made = "Runs are made by: dnsearch train SPEC, or dnsearch tune SPEC"
        hint = f"Did you mean {path.with_name(close[0])}?" if close and found == "nothing" else made
        raise RunError(str(Problem(str(path), "a run, a study or a folder of runs", found, hint)))


def suggestion(path: Path) -> str:
    """Words about runs near a path that is none: inside it, or beside it with a similar name first."""
    near = path if path.is_dir() else path.parent
    runs = {run.relative_to(near).as_posix(): run for run in runs_under(near)} if near.is_dir() else {}
    if not runs:
        return "Make one with: dnsearch train SPEC"
    close = difflib.get_close_matches(path.name, runs, n=3) or list(runs)[:3]
    more = f" ({len(runs)} runs in {near})" if len(runs) > len(close) else ""
    return f"There is {', '.join(str(runs[name]) for name in close)}{more}."


class _File:
    """The path of a file in a run folder, by its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: "RunFolder", _: type) -> Path:
        return folder.path / self._name


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run; ``create`` or ``open`` it."""

    path: Path

    spec = _File(SPEC)
    resolved = _File("resolved.yaml")
    record = _File(RECORD)
    epochs_file = _File("epochs.jsonl")
    preprocessing = _File("preprocessing.json")
    start = _File("start.json")
    checkpoint = _File("checkpoint.npz")
    previous_checkpoint = _File("checkpoint.previous.npz")
    damaged_checkpoint = _File("checkpoint.damaged.npz")
    weights = _File("weights.npz")
    hits = _File("hits.npz")
    lock = _File("lock")

    @classmethod
    def create(cls, root: Path, name: str) -> "RunFolder":
        """Make a new folder: ``root/name``, or ``name-2``, ``name-3``… where that exists.

        Two processes that ask at once get two folders, since making a folder is one step.
        """
        if name in {"", ".", ".."} or Path(name).name != name:
            raise RunError(str(Problem("run name", "the name of a folder, not a path to one", repr(name))))
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
        for path in chain([root / name], (root / f"{name}-{number}" for number in count(2))):
            with writing(path), contextlib.suppress(FileExistsError):
                path.mkdir()
                break
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The run that is there; a RunError where there is none."""
        with reading(path):
            there = is_run(path)
        if there:
            return cls(path)
        found = f"a folder without {RECORD}" if path.is_dir() else "a file" if path.exists() else "nothing"
        raise RunError(str(Problem(str(path), f"a run folder, with its {RECORD}", found, suggestion(path))))

    @property
    def name(self) -> str:
        """The folder's name, which is the run's."""
        return self.path.name

    def replacing_checkpoint(self) -> AbstractContextManager[BinaryIO]:
        """A binary file that becomes the checkpoint when the block ends well; the earlier one is kept."""
        return replacing(self.checkpoint, keep=self.previous_checkpoint)

    def write_spec(self, written: str, resolved: str) -> None:
        """Save the spec, as written and with every default."""
        atomic_write(self.spec, written.encode())
        atomic_write(self.resolved, resolved.encode())

    def write_preprocessing(
        self, scaling: Mapping[str, Any], image_shape: Sequence[int], class_names: Sequence[str]
    ) -> None:
        """Save what a prediction needs beside the weights; the classes are in the order of the outputs."""
        values = {"scaling": dict(scaling), "image_shape": image_shape, "class_names": class_names}
        atomic_write(self.preprocessing, json.dumps(values, indent=2).encode() + b"\n")

    def images(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """The shape of the run's images, (height, width, channels), and its classes, in their order."""
        with reading(self.preprocessing):
            try:
                saved = input_files.json_value(self.preprocessing)
                height, width, channels = map(int, saved["image_shape"])
                return (height, width, channels), tuple(map(str, saved["class_names"]))
            except (ValueError, LookupError, TypeError, OverflowError) as error:
                expected = "the run's image shape and class names"
                raise RunError(str(Problem(str(self.preprocessing), expected, str(error)))) from error

    def write_start(self, source: str, afresh: Sequence[str]) -> None:
        """Save from which run folder the first weights were taken, and the layers that they did not fit."""
        values = {"start_from": source, "afresh": afresh}
        atomic_write(self.start, json.dumps(values, indent=2).encode() + b"\n")

    def afresh(self) -> tuple[str, ...]:
        """The layers that the weights of another run did not fit; none where there is no such run."""
        if not self.start.exists():
            return ()
        try:
            with reading(self.start):
                return tuple(map(str, input_files.json_value(self.start)["afresh"]))
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(str(Problem(str(self.start), "the names of layers, afresh", str(error)))) from None

    def write(self, record: RunRecord) -> None:
        """Replace the run's record."""
        atomic_write(self.record, to_json(record, indent=2) + b"\n")

    def read(self) -> RunRecord:
        """The run's record, as it was written last."""
        return _read(RunRecord, self.record)

    def append(self, epoch: EpochRecord) -> None:
        """Add one epoch, down to the disk, in the place of half a line that a killed process left."""
        with writing(self.epochs_file), self.epochs_file.open("a+b") as handle:
            if size := handle.seek(0, os.SEEK_END):
                handle.seek(0)
                handle.truncate(handle.read(size).rfind(b"\n") + 1)
            handle.write(to_json(epoch) + b"\n")
            handle.flush()
            os.fsync(handle.fileno())

    def epochs(self) -> list[EpochRecord]:
        """The epochs that ended; a last line that was cut short is passed over."""
        with reading(self.epochs_file):
            content = input_files.content(self.epochs_file) if self.epochs_file.exists() else b""
        return from_lines(content, str(self.epochs_file))

    def write_epochs(self, epochs: Iterable[EpochRecord]) -> None:
        """Replace the epochs that ended: what a dead trainer wrote after its checkpoint, or did not write."""
        atomic_write(self.epochs_file, to_lines(epochs))


def hits_of(study: Path, record: RunRecord) -> dict[Part, Hits]:
    """Which images a trial of a study, or a retraining, got right."""
    return read_hits(RunFolder((study / CONFIRM if record.confirmation else study) / record.name).hits)


def is_study(folder: Path) -> bool:
    """Whether a folder holds the record of a study."""
    return (folder / STUDY).is_file()


def write_study(folder: Path, record: StudyRecord) -> None:
    """Make a record the one of a study's folder; a file that says the same already stays as it is."""
    _renew(folder / STUDY, to_json(record, indent=2) + b"\n")


def write_asked(folder: Path, resolved: str) -> None:
    """Save what a study or a comparison was asked, likewise."""
    _renew(folder / SPEC, resolved.encode())


def _renew(path: Path, content: bytes) -> None:
    with writing(path):
        unchanged = path.exists() and input_files.content(path) == content
    if not unchanged:
        atomic_write(path, content)


def read_study(folder: Path) -> StudyRecord:
    """The record of a study's folder."""
    return _read(StudyRecord, folder / STUDY)


def _read(kind: type[Record], path: Path) -> Record:
    with reading(path):
        content = input_files.content(path)
    return from_json(kind, content, str(path))


def write_epochs_csv(folder: RunFolder) -> None:
    """Write ``epochs.csv``: a row for each epoch of the run, also of those before it was resumed."""
    rows = [dict(_flat(json.loads(to_json(epoch)))) for epoch in folder.epochs()]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(chain(*rows))), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(folder.path / "epochs.csv", text.getvalue().encode())


def _flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Values by one name each: of ``{"training": {"loss": 0.5}}`` it is ``training_loss``."""
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}_")
        else:
            yield f"{before}{name}", value
