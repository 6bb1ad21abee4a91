"""``dnsearch report``: a study, a comparison or runs as one HTML file."""

from pathlib import Path
from typing import TYPE_CHECKING

from typer import Argument, BadParameter, Option

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Force, Runs
from dnsearch.errors import DnsearchError

if TYPE_CHECKING:
    from dnsearch.report.page import Page

REPORT = "report.html"

Paths = Argument(
    metavar="STUDY | COMPARISON | RUN...",
    help="A study or a comparison, runs, or folders of runs: folders, or their names under --runs.",
)


def report(
    paths: list[Path] = Paths,
    output: Path = Option(Path(REPORT), "--output", "-o", metavar="FILE.html", help="Where to write."),
    runs: Runs = RUNS,
    force: Force = False,
) -> None:
    """Write a report: one HTML file with the verdict, charts, the best network, and how to repeat it."""
    from dnsearch.report.page import html
    from dnsearch.runs.atomic import atomic_write, check_new

    if output.suffix.lower() not in {".html", ".htm"}:
        raise BadParameter("a file that ends in .html", param_hint="--output")
    check_new([output], force=force)
    page = page_of([path if path.exists() else runs / path for path in paths])
    atomic_write(output, html(page).encode())
    console.say(f"report: {output}")


def page_of(paths: list[Path]) -> "Page":
    """The report of a study, of a comparison, or of runs."""
    from dnsearch.compare.frozen_plan import PLAN
    from dnsearch.runs.folder import is_study

    if len(paths) == 1 and is_study(paths[0]):
        from dnsearch.report.study_page import study_page

        return study_page(paths[0])
    if len(paths) == 1 and (paths[0] / PLAN).is_file():
        from dnsearch.compare.design import designed
        from dnsearch.compare.result import result
        from dnsearch.front_door import planned_spec
        from dnsearch.report.comparison_page import comparison_page
        from dnsearch.runs.folder import SPEC

        return comparison_page(result(designed(planned_spec(str(paths[0] / SPEC))), paths[0]))
    from dnsearch.report.runs_page import runs_page

    return runs_page(paths)


def write_report(folder: Path) -> None:
    """Write the report of a study or a comparison into its folder and say so, or why there is none."""
    from dnsearch.report.page import html
    from dnsearch.runs.atomic import atomic_write

    try:
        atomic_write(folder / REPORT, html(page_of([folder])).encode())
    except DnsearchError as error:
        console.say(f"no report was written:\n{error}")
    else:
        console.say(f"report: {folder / REPORT}")
