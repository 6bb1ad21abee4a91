"""``dnsearch tune``: search a spec's variants."""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from typer import BadParameter, CallbackParam, Exit, Option

from dnsearch.cli import console, options
from dnsearch.errors import StudyError

if TYPE_CHECKING:
    from dnsearch.search.messages import Request


def _gone(parameter: CallbackParam, value: object) -> None:
    """What an option of earlier versions answers."""
    if value not in {None, False}:
        raise BadParameter(f"{parameter.opts[0]} is gone: {options.SEVERAL_MACHINES}")


def tune(
    spec: options.Searched = options.SPECULATIONS,
    trials: int | None = Option(
        None,
        min=1,
        help="Ended trials that the study shall have in all. Left out: what the study or its spec says.",
    ),
    workers: int | None = Option(
        None,
        min=1,
        help="Trials at once; their figures do not depend on it. Left out: 1, or as many as the GPUs of "
        "--gpus have room for.",
    ),
    gpus: str = Option(
        "",
        metavar="GPUS",
        help="GPUs to place trials on, such as 0,1, in nvidia-smi's numbers; each trial gets "
        "tune.gpus_per_trial of them. Left out: TensorFlow's choice.",
    ),
    timeout: float | None = Option(
        None,
        metavar="SECONDS",
        help="Start no more trials after so long; those at work end, and another search can go on. Left "
        "out: tune.timeout_seconds.",
    ),
    patience: int | None = Option(
        None, min=1, help="End the search after so many trials that are no better. Left out: tune.patience."
    ),
    target: float | None = Option(
        None,
        help="End the search when a trial reaches this validation score, such as 0.95. Left out: "
        "tune.target.",
    ),
    keep: int | None = Option(
        None, min=1, help="Trials that keep checkpoints and weights: the best so many. Left out: tune.keep."
    ),
    enqueue: list[str] | None = Option(
        None,
        metavar="SPEC",
        help="A spec whose settings lie in the search space: it becomes the next trial, once. "
        "Can be given several times.",
    ),
    from_study: str | None = Option(
        None,
        metavar="NAME",
        help="Another study, by name or folder: the sampler learns from its finished trials that lie in "
        "this search space. They do not become trials of this one.",
    ),
    overrides: options.Set = None,
    runs: options.Runs = options.RUNS,
    study: options.Study = None,
    storage: options.Storage = None,
    executor: options.Executor = "local",
    address: options.Address = None,
    rebuild: bool = Option(
        False, "--rebuild", help="First fill a lost database anew, from the records in the folder."
    ),
    no_limits: options.NoLimits = False,
    plain: options.Plain = False,
    as_json: options.Json = False,
    create: bool = Option(False, "--create", hidden=True, callback=_gone),
    artifacts: str | None = Option(None, hidden=True, callback=_gone),
    engine: str | None = Option(None, hidden=True, callback=_gone),
) -> None:
    """Search a spec's variants; run it again to continue. Without SPEC: the preset speculations.

    Ctrl-C once lets the running trials end; twice, or SIGTERM, stops them, and the next search takes them up
    again. A closed terminal does not end the search.
    """
    from dnsearch.front_door import load, planned_spec, requested
    from dnsearch.search.local_executor import room

    found = planned_spec(spec, overrides, limits=not no_limits)
    request = requested(found, runs, study, trials, storage, limits=not no_limits)
    given = {"timeout_seconds": timeout, "patience": patience, "target": target, "keep": keep}
    changes = {field: value for field, value in given.items() if value is not None}
    named = tuple(filter(None, gpus.replace(" ", "").split(",")))
    request = replace(
        request,
        spec=replace(request.spec, tune=request.spec.tune.model_copy(update=changes)),
        enqueue=tuple(map(load, enqueue or ())),
        workers=workers or max(1, room(named, request.spec.tune.gpus_per_trial)),
        gpus=named,
        say=console.say,
    )
    if rebuild:
        from dnsearch.search.rebuild import rebuild as filled

        console.say(f"study {request.folder.name}: {filled(request)} trials from the folder's records")
    if from_study is not None:
        from dnsearch.search.transfer import learn, other_study

        other, url = other_study(from_study, runs, storage)
        taken, left = learn(request, other, url)
        console.say(f"the sampler learns from {taken} finished trials of study {other.study_name}")
        for reason, times in left.items():
            console.say(f"  {times} left out: {reason}")
    code = _searched(request, executor, address, plain=plain)
    _show_outcome(request, as_json=as_json)
    if not code:
        from dnsearch.cli.report_commands import write_report

        write_report(request.folder)
    raise Exit(code)


def _searched(request: "Request", kind: options.ExecutorKind, address: str | None, *, plain: bool) -> int:
    """Do the search; returns the exit code."""
    from dnsearch.cli.live_view import live
    from dnsearch.cli.progress import counted
    from dnsearch.search.coordinator import search
    from dnsearch.search.messages import ProposalRefused

    refused: Counter[str] = Counter()
    told = ("letting the running trials end (Ctrl-C again stops them)…", "stopping the running trials…")
    with (
        counted(lambda count: console.say(told[count - 1])) as interrupts,
        options.executor_for(kind, address, request.resources) as executor,
        live(request, plain=plain) as tell,
    ):
        try:
            for event in search(request, lambda: interrupts.count, executor, lambda: interrupts.reason):
                tell(event)
                refused.update(list(event.reasons) if isinstance(event, ProposalRefused) else [])
        except StudyError as error:  # of a database that was waited for
            if interrupts.count < 2:
                raise
            console.complain(error)
            raise Exit(interrupts.exit_code) from error
    if refused:
        by = ", ".join(f"{name} {count:,}" for name, count in refused.most_common())
        console.say(f"infeasible proposals, refused by: {by}")
    return interrupts.exit_code if interrupts.count else 0


def _show_outcome(request: "Request", *, as_json: bool) -> None:
    from dnsearch.cli.leaderboard_command import View, read, show
    from dnsearch.report.formats import as_json as listed

    found, view = read([request.folder]), View()
    if as_json:
        console.show_json(listed(view.rows(found)))
    else:
        show(found, view)
        console.lost(forgive=True)
    if (best := request.folder / "best.yaml").exists():
        console.say(f"best network: {best}\nnext: dnsearch train {best}")
