"""``dnsearch train``: one run."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from typer import Argument, BadParameter, Exit, Option

from dnsearch import environment
from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, NoLimits, Plain, Runs, Set
from dnsearch.errors import DnsearchError, TrainingError

if TYPE_CHECKING:
    from dnsearch.cli.progress import Interrupts
    from dnsearch.plan.limits import Planned
    from dnsearch.runs.folder import RunFolder
    from dnsearch.runs.record import RunRecord
    from dnsearch.spec.experiment import Experiment


Log = StrEnum("Log", ["csv", "tensorboard"])


def train(
    spec: str | None = Argument(None, metavar="SPEC", help="A YAML file, or the name of a preset."),
    overrides: Set = None,
    runs: Runs = RUNS,
    resume: Path | None = Option(None, "--resume", metavar="RUN", help="Go on with an interrupted run."),
    log: list[Log] | None = Option(
        None, help="Also write epochs.csv, or event files for TensorBoard, into the run. Repeatable."
    ),
    seeds: int = Option(
        1,
        min=1,
        help="So many runs, on the spec's seed and the numbers after it; the leaderboard shows their mean.",
    ),
    no_limits: NoLimits = False,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Train a spec's network.

    Ctrl-C and SIGTERM end it after the running batch; --resume goes on after the last whole epoch. A closed
    terminal does not end it.
    """
    from dnsearch.front_door import load, planned_spec
    from dnsearch.runs.folder import RunFolder

    ended: list[tuple[RunRecord, int]] = []
    if spec is not None and resume is None:
        found = planned_spec(spec, overrides, limits=not no_limits)
        if found.match is not None:
            console.say(str(found.match))
        for each, name in _seeded(found, seeds):
            ended.append(_run(each, RunFolder.create(runs, name), log or (), fresh=True, plain=plain))
            if ended[-1][0].state == "interrupted":
                break
    elif resume is not None and spec is None:
        if overrides or seeds > 1:
            option = "--set" if overrides else "--seeds"
            raise BadParameter(f"{option} cannot change a run that has begun; start a new one")
        folder = RunFolder.open(resume)
        document = load(folder.resolved)
        if (record := _finished(document.experiment, folder)) is not None:
            console.say(_summary(record, folder))
            ended.append((record, 0))
        else:
            found = planned_spec(document, limits=False)
            ended.append(_run(found, folder, log or (), fresh=False, plain=plain))
    else:
        raise BadParameter("give a SPEC, or --resume RUN")
    if as_json:
        from dnsearch.report.formats import as_json as as_dicts
        from dnsearch.report.ranking import rank

        rows = [row for record, _ in ended for row in as_dicts(rank([record]))]
        console.show_json(rows if seeds > 1 else rows[0])
    raise Exit(ended[-1][1])


def _seeded(found: "Planned", seeds: int) -> "Iterator[tuple[Planned, str]]":
    """The spec with each seed, and the name of its run."""
    name, first = found.experiment.name, found.experiment.training.seed
    for seed in range(first, first + seeds):
        if seeds == 1:
            yield found, name
        else:
            document = found.document.with_values({"training.seed": seed}, "--seeds")
            yield replace(found, document=document), f"{name}-seed-{seed}"


def _run(
    found: "Planned", folder: "RunFolder", kinds: Sequence[Log], *, fresh: bool, plain: bool
) -> "tuple[RunRecord, int]":
    """Train in a folder and tell how it ended; the record and the exit code."""
    from dnsearch.cli.progress import counted

    stopping = counted(lambda _: console.say("stopping after this batch…"))
    with _removed_if_unused(folder, fresh=fresh), stopping as interrupts:
        record = _trained(found, folder, kinds, interrupts, plain=plain)
    console.say(_summary(record, folder))
    if afresh := folder.afresh():
        console.say(f"started afresh, since training.start_from does not fit them: {', '.join(afresh)}")
    return record, interrupts.exit_code if record.state == "interrupted" else 0


def _finished(experiment: "Experiment", folder: "RunFolder") -> "RunRecord | None":
    """The record of a run that was trained to its end; None for any other, and where the spec has changed."""
    from dnsearch.spec.document import fingerprint

    record = folder.read() if folder.record.exists() else None
    if record is None or record.state != "finished" or not record.epochs:  # imported weights have no epochs
        return None
    if record.fingerprint != fingerprint(experiment):
        return None
    console.say(f"{folder.path} is finished; there is nothing to go on with")
    return record


@contextmanager
def _removed_if_unused(folder: "RunFolder", *, fresh: bool) -> Iterator[None]:
    """Leave no new folder behind of a run that trained nothing: its data is missing or broken, or Ctrl-C.

    Where memory was used up or the loss was not finite it stays: what was tried is worth a look.
    """
    unused = False
    try:
        yield
    except TrainingError:
        raise
    except DnsearchError:
        unused = fresh and folder.record.exists() and folder.read().first_step_seconds is None
        raise
    finally:
        if unused or not folder.record.exists():
            shutil.rmtree(folder.path, ignore_errors=True)


def _trained(
    found: "Planned", folder: "RunFolder", kinds: Sequence[Log], interrupts: "Interrupts", *, plain: bool
) -> "RunRecord":
    from dnsearch.cli.progress import progress

    console.say(f"{found.experiment.name} → {folder.path}")
    environment.prepare_tensorflow()

    from dnsearch.runs.folder import write_epochs_csv
    from dnsearch.runs.record import EpochRecord, Notice, StepEnded, Stop
    from dnsearch.train.run import run

    if interrupts.count:  # before anything has begun
        raise Exit(interrupts.exit_code)
    writers: list[Callable[[EpochRecord], None]] = []
    with progress(found.experiment.training.epochs, plain=plain) as tell, ExitStack() as stack:
        if Log.csv in kinds:
            writers.append(lambda _: write_epochs_csv(folder))
        if Log.tensorboard in kinds:
            from dnsearch.train.tensorboard import tensorboard

            writers.append(stack.enter_context(tensorboard(folder.path / "tensorboard")))

        def watch(event: StepEnded | EpochRecord | Notice) -> Stop | None:
            tell(event)
            if isinstance(event, EpochRecord):
                for write in writers:
                    write(event)
            return Stop("interrupted", interrupts.reason) if interrupts.count else None

        return run(found, folder, watch)


def _summary(record: "RunRecord", folder: "RunFolder") -> str:
    from dnsearch.report.units import score

    if record.state == "interrupted":
        epochs = "1 epoch" if record.epochs == 1 else f"{record.epochs} epochs"
        return f"interrupted after {epochs}\nnext: dnsearch train --resume {folder.path}"
    reached = "no epoch ended"
    if record.last is not None:
        reached = f"validation {score(record.last)} at the last epoch, trained on {_devices(record)}"
    return f"{reached}\nnext: dnsearch evaluate {folder.path}; dnsearch leaderboard {folder.path.parent}"


def _devices(record: "RunRecord") -> str:
    """What trained a run, in words: ``2 cores``, ``NVIDIA L4`` or ``4 × NVIDIA L4``."""
    cards, everything = record.hardware["gpus"], record.settings["training.devices"] == "all"
    if not cards:
        return f"{record.hardware['cores']} cores"
    return f"{len(cards)} × {cards[0]}" if everything and len(cards) > 1 else str(cards[0])
