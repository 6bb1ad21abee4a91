"""A network as a picture: blocks with every edge, scale changes, links, and a matrix per block.

Facts of the plan (``facts``) are laid out as marks (``row``, ``u``) and painted into a file (``paint``). The
figure is as large as the network needs.
"""

from pathlib import Path

from dnsearch.errors import Problem, SpecError
from dnsearch.plan.graph import NetworkPlan
from dnsearch.report.drawing.facts import all_layers, totals
from dnsearch.report.drawing.legend import legend
from dnsearch.report.drawing.marks import Sketch, Text, text_width
from dnsearch.report.drawing.paint import Placed, painted
from dnsearch.report.drawing.row import row
from dnsearch.report.drawing.u import u_shape
from dnsearch.report.units import one_line

MARGIN = 0.3  # inches around everything
LEAST_WIDTH = 6.5  # inches between the margins
LARGE = 13.0
MIDDLE = 9.0


def draw(plan: NetworkPlan, title: str, path: Path) -> None:
    """Draw a network into a file; the same plan and title give the same bytes.

    Args:
        plan: the network.
        title: the picture's heading.
        path: the file, which ends in ``.svg`` or ``.png``; an existing one is replaced.

    Raises:
        SpecError: the file has another ending, or cannot be written.
    """
    kind = _kind(path)
    write(path, picture(plan, title, kind))


def write(path: Path, content: bytes) -> None:
    """Put a picture into a file; an existing one is replaced.

    Raises:
        SpecError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        problem = Problem(str(path), f"expected a place that can be written to: {error.strerror}")
        raise SpecError([problem]) from None


def picture(plan: NetworkPlan, title: str, kind: str) -> bytes:
    """The content of a picture file of ``kind``, ``svg`` or ``png``."""
    placed, width, height = page(plan, title)
    return painted(placed, width, height, kind)


def page(plan: NetworkPlan, title: str) -> tuple[list[Placed], float, float]:
    """What lies where on the page, and the page's width and height in inches."""
    body = u_shape(plan) if "bottleneck" in plan.parts else row(plan)
    width = max(body.width, LEAST_WIDTH, text_width(totals(plan), MIDDLE))
    top = _heading(plan, title, width)
    key = legend(plan, all_layers(plan), width)
    below = MARGIN + top.height
    placed = [
        Placed(top, MARGIN, MARGIN),
        Placed(key, MARGIN, below),
        Placed(body, MARGIN + (width - body.width) / 2, below + key.height + MARGIN),
    ]
    return placed, width + 2 * MARGIN, below + key.height + MARGIN + body.height + MARGIN


def _heading(plan: NetworkPlan, title: str, width: float) -> Sketch:
    marks = (
        Text((0.0, 0.11), _fitting(one_line(title), width), LARGE, bold=True, align="left"),
        Text((0.0, 0.38), totals(plan), MIDDLE, align="left"),
    )
    return Sketch(marks, width, 0.58)


def _fitting(words: str, width: float) -> str:
    """Words cut to what fits in one line of the heading."""
    if text_width(words, LARGE, bold=True) <= width:
        return words
    length = len(words)
    while length > 1 and text_width(f"{words[:length]}…", LARGE, bold=True) > width:
        length -= 1
    return f"{words[:length]}…"


def _kind(path: Path) -> str:
    kind = path.suffix.lower().removeprefix(".")
    if kind in {"svg", "png"}:
        return kind
    hint = "The ending chooses the format: svg stays sharp at every size, png is read everywhere."
    raise SpecError(
        [Problem(str(path), "a file that ends in .svg or .png", path.suffix or "no ending", hint)]
    )
