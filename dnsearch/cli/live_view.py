"""What ``tune`` shows while it searches: a leaderboard that redraws itself, or plain lines."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.constrain import Constrain
from rich.live import Live

from dnsearch.cli import console
from dnsearch.report.leaderboard import live as picture
from dnsearch.report.ranking import Row, rank
from dnsearch.report.units import run_line
from dnsearch.runs.record import EpochRecord, RunRecord
from dnsearch.runs.scan import scan
from dnsearch.search import messages

Tell = Callable[[messages.SearchEvent], None]

BEST_SHOWN = 100
ROOM_FOR_CTRL_C = 3  # cells at the right: a terminal writes ^C there, and the last line must not break


@contextmanager
def live(request: messages.Request, *, plain: bool) -> Iterator[Tell]:
    """Show a search's events for a block; returns the function that takes them."""
    name = request.folder.name
    console.say(f"study {name}: {request.trials} trials, {request.workers} at once, in {request.folder}")
    if plain or not console.talk().is_terminal:
        yield _say_line
        return
    view = _View(request)
    with Live(console=console.talk(), get_renderable=view.picture, refresh_per_second=4, transient=True):
        yield view.tell


def _say_line(event: messages.SearchEvent) -> None:
    if isinstance(event, messages.TrialEnded | messages.TrialPaused):
        console.say(run_line(event.record))
    else:
        _say_trouble(event)


def _say_trouble(event: messages.SearchEvent) -> None:
    """Say, whatever is drawn, why a search ends or a trial starts again."""
    match event:
        case messages.SearchStopped(reason):
            console.say(reason)
        case messages.TrialRetried(job, parts):
            console.say(f"{job.folder.name}  out of memory; trying again with each batch in {parts} parts")
        case messages.TrialRestarted(job, reason, epoch):
            console.say(f"{job.folder.name}  {reason}; starting again after epoch {epoch}")


class _View:
    """What the picture is made of."""

    def __init__(self, request: messages.Request) -> None:
        self._request = request
        found = scan([request.folder]).records if request.folder.exists() else []
        over = {"finished", "pruned", "failed"}
        ended = [record for record in found if record.state in over and not record.confirmation]
        self._before = self._done = len(ended)
        self._best = self._ranked(ended)
        self._running: dict[str, tuple[messages.Job, EpochRecord | None]] = {}
        self._started = time.monotonic()

    def tell(self, event: messages.SearchEvent) -> None:
        _say_trouble(event)
        match event:
            case messages.TrialStarted(job) | messages.TrialRetried(job) | messages.TrialRestarted(job):
                self._running[job.folder.name] = (job, None)
            case messages.TrialProgressed(job, epoch):
                self._running[job.folder.name] = (job, epoch)
            case messages.TrialPaused(record):
                self._running.pop(record.name, None)
            case messages.TrialEnded(record):
                self._running.pop(record.name, None)
                if not record.confirmation:
                    self._done += 1
                    self._best = self._ranked([*(row.record for row in self._best), record])

    def _ranked(self, records: list[RunRecord]) -> list[Row]:
        """The best, as many as any terminal can show: this is drawn four times a second."""
        return rank(records, select=self._request.spec.tune.select, top=BEST_SHOWN)

    def picture(self) -> Constrain:
        height, width = console.talk().size.height, console.talk().size.width - ROOM_FOR_CTRL_C
        drawn = picture(
            self._best,
            [_at_work(job, epoch) for job, epoch in self._running.values()],
            done=self._done - self._before,
            total=max(0, self._request.trials - self._before),
            elapsed_seconds=time.monotonic() - self._started,
            height=height,
            width=width,
        )
        return Constrain(drawn, width)


def _at_work(job: messages.Job, epoch: EpochRecord | None) -> tuple[str, int, int, float | None]:
    done, score = (epoch.epoch, epoch.validation.score) if epoch else (0, None)
    return job.folder.name, done, job.planned.experiment.training.epochs, score
