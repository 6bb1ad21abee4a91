"""``dnsearch train``: one run."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
    no_limits: NoLimits = False,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Train a spec's network.

    Ctrl-C and SIGTERM end it after the running batch; --resume goes on after the last whole epoch. A closed
    terminal does not end it.
    """
    from dnsearch.cli.progress import counted
    from dnsearch.front_door import load, planned_spec
    from dnsearch.runs.folder import RunFolder

    record, code = None, 0
    if spec is not None and resume is None:
        found = planned_spec(spec, overrides, limits=not no_limits)
        if found.match is not None:
            console.say(str(found.match))
        folder = RunFolder.create(runs, found.experiment.name)
    elif resume is not None and spec is None:
        if overrides:
            raise BadParameter("--set cannot change a run that has begun; start a new one")
        folder = RunFolder.open(resume)
        document = load(folder.resolved)
        if (record := _finished(document.experiment, folder)) is None:
            found = planned_spec(document, limits=False)
    else:
        raise BadParameter("give a SPEC, or --resume RUN")
    if record is None:
        stopping = counted(lambda _: console.say("stopping after this batch…"))
        with _removed_if_unused(folder, fresh=resume is None), stopping as interrupts:
            record = _trained(found, folder, log or (), interrupts, plain=plain)
        code = interrupts.exit_code if record.state == "interrupted" else 0
    console.say(_summary(record, folder))
    if afresh := folder.afresh():
        console.say(f"started afresh, since training.start_from does not fit them: {', '.join(afresh)}")
    if as_json:
        from dnsearch.report.formats import as_json as as_dicts
        from dnsearch.report.ranking import rank

        console.show_json(as_dicts(rank([record]))[0])
    raise Exit(code)


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
