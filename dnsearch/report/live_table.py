"""What a running study looks like: the best so far, what is training now, how long it will take."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dnsearch.report import units
from dnsearch.report.leaderboard import leaderboard
from dnsearch.report.ranking import Row

Running = tuple[str, int, int, float | None]
"""A running trial: name, epochs done, epochs planned, last validation accuracy or, of a U-Net, mean IoU."""

TABLE_FRAME = 5
"""Lines of a leaderboard around its rows: title, two of headings, rule, caption."""


def live(
    rows: Sequence[Row],
    running: Sequence[Running],
    done: int,
    total: int,
    elapsed_seconds: float,
    height: int = 24,
    width: int = 100,
) -> Group:
    """One picture of a running study, at most ``height`` lines where that is possible at all.

    Args:
        rows: from ``rank``, of the trials that ended.
        running: the trials that are training.
        done: trials that ended in ``elapsed_seconds``.
        total: trials that are planned.
        elapsed_seconds: time since the study was started.
        height: lines of the terminal.
        width: cells of the terminal.
    """
    bars = min(len(running), max(1, (height - TABLE_FRAME - 3) // 2))
    left = height - TABLE_FRAME - 3 - bars - (len(running) > bars)
    parts: list[RenderableType] = []
    if rows:
        parts += [leaderboard(rows[: max(1, left)], "Best so far", width=width), Text()]
    if running:
        parts += [_at_work(running[:bars], width)]
    if len(running) > bars:
        parts += [Text(f"… and {len(running) - bars} more at work", style="dim")]
    return Group(*parts, _progress(done, total, elapsed_seconds))


def _at_work(running: Sequence[Running], width: int) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, overflow="ellipsis", max_width=max(12, width // 3))
    grid.add_column(width=20)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for name, epoch, planned, score in running:
        bar = ProgressBar(total=max(1, planned), completed=epoch, width=20)
        grid.add_row(Text(units.one_line(name)), bar, f"epoch {epoch}/{planned}", units.percent(score))
    return grid


def _progress(done: int, total: int, elapsed_seconds: float) -> Text:
    words = [f"{done}/{total} trials", f"{units.duration(elapsed_seconds)} so far"]
    if done and elapsed_seconds > 0:
        remaining = elapsed_seconds / done * max(0, total - done)
        words.append(f"{3600 * done / elapsed_seconds:,.0f} trials an hour")
        words.append(f"about {units.duration(remaining)} to go" if remaining else "all done")
    return Text("  ·  ".join(words), style="bold", no_wrap=True, overflow="ellipsis")
