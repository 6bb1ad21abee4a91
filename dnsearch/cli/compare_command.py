"""``dnsearch compare``: whether a variant helps, by pairs of trainings; or what finished runs differ in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from typer import Argument, BadParameter, Exit, Option

from dnsearch.cli import console, options

if TYPE_CHECKING:
    from dnsearch.compare.running import Comparison, Event

PHASES = {"retune": "choosing rates", "pilot": "pilot", "pairs": "pairs"}


def compare(
    specs: list[str] = Argument(metavar="SPEC | RUN RUN...", help="A spec; or folders of finished runs."),
    vary: str | None = Option(
        None,
        metavar="PATH=VALUES",
        help="The arms, as values of one field: network.pooling=avg,max. The first is the baseline. Left "
        "out: the spec's compare section.",
    ),
    pairs: int | None = Option(None, min=6, help="Pairs of trainings. Left out: compare.pairs."),
    margin: float | None = Option(
        None, help="The difference that matters, in points of accuracy. Left out: compare.margin."
    ),
    workers: int = Option(1, min=1, help="Runs at once; their figures do not depend on it."),
    gpus: str = Option(
        "", metavar="GPUS", help="GPUs to place runs on, such as 0,1. Left out: TensorFlow's choice."
    ),
    name: options.ComparisonName = None,
    overrides: options.Set = None,
    runs: options.Runs = options.RUNS,
    executor: options.Executor = "local",
    address: options.Address = None,
    plain: options.Plain = False,
    as_json: options.Json = False,
) -> None:
    """Find out whether a variant helps: pairs of trainings and a verdict, or what finished runs differ in.

    Run it again to continue. Ctrl-C once lets the runs at work end; twice stops them.
    """
    if len(specs) > 1 or (Path(specs[0]) / "run.json").exists():
        _compare_runs([Path(each) for each in specs], as_json=as_json)
        return
    from dnsearch.cli.report_commands import write_report
    from dnsearch.compare.design import designed
    from dnsearch.compare.result import result
    from dnsearch.compare.running import Comparison
    from dnsearch.front_door import planned_spec
    from dnsearch.search.messages import Resources
    from dnsearch.spec.compare import comparison_name, varied

    given = {"compare.pairs": pairs, "compare.margin": margin}
    changes = [f"{path}={value}" for path, value in given.items() if value is not None]
    design = designed(planned_spec(specs[0], [*varied(vary), *changes, *(overrides or ())]))
    folder = runs / (name or comparison_name(design.name, vary))
    named = tuple(filter(None, gpus.replace(" ", "").split(",")))
    resources = Resources(folder / "workers.log", workers, named, reuse=True)
    console.say(f"comparison {folder.name}: {', '.join(arm.name for arm in design.arms)}, in {folder}")
    with options.executor_for(executor, address, resources) as where:
        _train(Comparison(design, folder, workers, where), plain=plain)
    found = result(design, folder)
    if as_json:
        console.show_json(asdict(found))
    else:
        from dnsearch.report.comparison import comparison

        console.show(comparison(found))
    write_report(folder)


def _train(comparison: "Comparison", *, plain: bool) -> None:
    """Train what is missing; leaves the program if a person stops it."""
    from dnsearch.cli.progress import counted
    from dnsearch.compare.running import Finished

    over = False
    told = ("letting the runs at work end (Ctrl-C again stops them)…", "stopping the runs…")
    with counted(lambda count: console.say(told[count - 1])) as interrupts, _shown(plain=plain) as tell:
        for event in comparison.go(lambda: interrupts.count):
            tell(event)
            over = isinstance(event, Finished)
    if not over:
        console.say("interrupted; the same command continues")
        raise Exit(interrupts.exit_code)


@contextmanager
def _shown(*, plain: bool) -> "Iterator[Callable[[Event], None]]":
    """Show a comparison's events for a block: a bar on a terminal, else a line for each run that ended."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from dnsearch.compare.running import Decided, Finished, Progressed
    from dnsearch.report.units import duration

    drawn = not plain and console.talk().is_terminal
    columns = TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn()
    with Progress(*columns, console=console.talk(), transient=True, disable=not drawn) as bar:
        task, said = bar.add_task(""), ""

        def tell(event: "Event") -> None:
            nonlocal said
            match event:
                case Decided(text):
                    console.say(text)
                case Progressed(phase, done, runs, seconds):
                    left = "" if seconds is None else f", about {duration(seconds)} left"
                    bar.update(task, completed=done, total=runs, description=f"{PHASES[phase]}{left}")
                    line = f"{PHASES[phase]}: {done} of {runs} runs"
                    if not drawn and line != said:
                        console.say(f"{line}{left}")
                        said = line
                case Finished():
                    pass
                case _:
                    assert_never(event)

        yield tell


def _compare_runs(folders: list[Path], *, as_json: bool) -> None:
    """What finished runs differ in, and how sure that is; it says nothing about their settings."""
    from dnsearch.compare.single_runs import compared
    from dnsearch.report.comparison import single_runs

    if len(folders) < 2:
        raise BadParameter("two or more runs, or a spec")
    found = compared(folders)
    if as_json:
        console.show_json(asdict(found))
    else:
        console.show(single_runs(found))
