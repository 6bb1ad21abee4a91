"""Charts as Vega-Altair draws them: plain rows in, a picture out, as SVG, PNG or PDF.

Vega-Altair, since its charts become plain SVG without a browser or a network, a fifth of what plotly's script
alone weighs. Colours are those of Okabe and Ito (2008) and Tol (2021), which colour-blind eyes tell apart; a
page recolours them for dark screens by their values (``templates/report.css``). Shares are in percent.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import altair as alt
import vl_convert

from dnsearch.errors import Problem, SpecError
from dnsearch.runs.atomic import atomic_write

Rows = Sequence[Mapping[str, Any]]
Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart

INK, GRID, REST = "#222222", "#DDE1E5", "#8C939A"
COLOURS = ("#0072B2", "#D55E00", "#00825F", "#882255", "#8A6500", "#56B4E9")
STATES = {
    "finished": "#0072B2",
    "pruned": "#D55E00",
    "paused": "#00825F",
    "failed": "#882255",
    "interrupted": "#8A6500",
    "running": "#56B4E9",
}
WIDTH, HEIGHT, ROW = 420, 240, 22  # pixels of a chart without its axes; of one line of a list
FORMATS = (".svg", ".png", ".pdf")
PNG_SCALE = 2.0
MOST_TICKS = 12
LABEL = 300  # pixels that a name beside a row may take


def svg(chart: Chart) -> str:
    """A chart as an SVG element without a background."""
    return str(vl_convert.vegalite_to_svg(_spec(chart, "transparent")))


def write_chart(chart: Chart, path: Path) -> None:
    """Write a chart on white into a file; its ending, one of ``FORMATS``, says how."""
    drawn = _spec(chart, "white")
    match path.suffix.lower():
        case ".svg":
            content = vl_convert.vegalite_to_svg(drawn).encode()
        case ".png":
            content = vl_convert.vegalite_to_png(drawn, scale=PNG_SCALE)
        case ".pdf":
            content = vl_convert.vegalite_to_pdf(drawn)
        case other:
            expected = f"a file that ends in {', '.join(FORMATS)}"
            raise SpecError([Problem(str(path), expected, other or "no ending")])
    atomic_write(path, content)


def _spec(chart: Chart, background: str) -> str:
    return str(chart.configure(**_config(background)).to_json(indent=None))


def _config(background: str) -> dict[str, Any]:
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12}
    plain = {**text, "titleFontWeight": "normal"}
    return {
        "aria": False,  # a page describes its charts itself
        "background": background,
        "font": "Arial, Liberation Sans, sans-serif",  # whose widths vl-convert knows; others are wider
        "padding": {"left": 18, "right": 18, "top": 4, "bottom": 4},
        "axis": {**plain, "gridColor": GRID, "domainColor": GRID, "tickColor": GRID, "labelLimit": LABEL},
        "legend": {**plain, "orient": "top", "title": None, "symbolStrokeWidth": 2, "labelLimit": LABEL},
        "header": {**plain, "labelFontWeight": "bold", "title": None},
        "view": {"stroke": None},
    }


def _data(rows: Rows) -> alt.InlineData:
    return alt.InlineData(values=[dict(row) for row in rows])


def _score(field: str = "score", title: str = "validation, %") -> alt.Y:
    return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(zero=False, nice=True))


def _states(present: Sequence[str]) -> alt.Color:
    names = [name for name in STATES if name in present]
    return alt.Color("state:N", scale=alt.Scale(domain=names, range=[STATES[name] for name in names]))


def _shape(present: Sequence[str]) -> alt.Shape:
    names = [name for name in STATES if name in present]
    signs = dict(zip(STATES, ("circle", "cross", "square", "triangle-up", "diamond", "stroke"), strict=True))
    return alt.Shape("state:N", scale=alt.Scale(domain=names, range=[signs[name] for name in names]))


def _epochs(rows: Rows) -> alt.X:
    """The axis of epochs, with whole numbers alone."""
    last = max(int(row["epoch"]) for row in rows)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 500, last) if last / step <= MOST_TICKS)
    ticks = [1, *range(step, last + 1, step)] if step > 1 else [*range(1, last + 1)]
    scale = alt.Scale(nice=False, zero=False, padding=8)
    return alt.X("epoch:Q", axis=alt.Axis(values=ticks, format="d", grid=False), scale=scale)


def history(rows: Rows, place: str, title: str) -> Chart:
    """Every trial's score, and the best one so far as steps.

    Args:
        rows: with ``state``, ``score``, ``best`` and a number by the name ``place``.
        place: what stands on the horizontal axis, such as ``trial``.
        title: its title.
    """
    states = [str(row["state"]) for row in rows]
    x = alt.X(f"{place}:Q", title=title, axis=alt.Axis(tickMinStep=1, grid=False))
    base = alt.Chart(_data(rows), width=WIDTH, height=HEIGHT).encode(x=x)
    points = base.mark_point(filled=True, size=45, opacity=0.85).encode(
        y=_score(), color=_states(states), shape=_shape(states)
    )
    best = base.mark_line(interpolate="step-after", color=INK, strokeWidth=1.5).encode(y=_score("best"))
    return alt.layer(best, points)


def trial_curves(rows: Rows, ends: Rows, rungs: Sequence[int]) -> Chart:
    """A line for each trial, coloured by its state, its end marked, and a dashed line at each rung.

    Args:
        rows: with ``run``, ``epoch``, ``score`` and ``state``.
        ends: the last of each run.
        rungs: after which epochs trials were compared.
    """
    states = [str(row["state"]) for row in ends]
    x = _epochs(rows)
    lines = alt.Chart(_data(rows), width=WIDTH, height=HEIGHT).mark_line(strokeWidth=1.2, opacity=0.55)
    lines = lines.encode(x=x, y=_score(), detail="run:N", color=_states(states))
    marks = alt.Chart(_data(ends)).mark_point(filled=True, size=40)
    marks = marks.encode(x=x, y=_score(), color=_states(states), shape=_shape(states))
    at = alt.Chart(_data([{"epoch": rung} for rung in rungs]))
    rules = at.mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1).encode(x=x)
    return alt.layer(rules, lines, marks)


def mean_curves(rows: Rows, title: str = "validation, %") -> Chart:
    """A line for each group of runs, their mean, within its band.

    ``rows`` have ``group``, ``epoch``, ``score``, and ``low`` and ``high`` where there is a band.
    """
    names = list(dict.fromkeys(str(row["group"]) for row in rows))
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(names))]
    dashes = [[1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 4], [1, 3]]
    colour = alt.Color("group:N", scale=alt.Scale(domain=names, range=colours))
    dash = alt.StrokeDash(
        "group:N", scale=alt.Scale(domain=names, range=[dashes[n % len(dashes)] for n in range(len(names))])
    )
    base = alt.Chart(_data(rows), width=WIDTH, height=HEIGHT).encode(x=_epochs(rows), color=colour)
    band = base.transform_filter("isValid(datum.low)").mark_area(opacity=0.18)
    band = band.encode(y=_score("low", title), y2="high:Q")
    return alt.layer(band, base.mark_line(strokeWidth=2).encode(y=_score(title=title), strokeDash=dash))


def intervals(rows: Rows, title: str, reference: float | None = None, margin: float = 0.0) -> Chart:
    """A forest plot: a dot for each row with its interval, small ticks for what it is the mean of.

    Args:
        rows: with ``name``, ``value``, ``low`` and ``high``, and ``each``, a list of single values.
        title: of the axis.
        reference: where a line is drawn, such as 0.
        margin: half the width of the grey band around it, within which arms are equivalent.
    """
    y = alt.Y("name:N", sort=None, title=None)
    x = alt.X("value:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6))
    base = alt.Chart(_data(rows), width=WIDTH, height=max(2, len(rows)) * ROW).encode(y=y)
    layers = []
    if reference is not None:
        zero = _data([{"value": reference, "low": reference - margin, "high": reference + margin}])
        band = alt.Chart(zero).mark_rect(color=REST, opacity=0.25).encode(x="low:Q", x2="high:Q")
        line = alt.Chart(zero).mark_rule(color=INK).encode(x="value:Q")
        layers = [band, line] if margin else [line]
    single = base.transform_flatten(["each"]).mark_tick(color=REST, thickness=1.5, size=9)
    bars = base.mark_rule(color=COLOURS[0], strokeWidth=2).encode(x="low:Q", x2="high:Q")
    dots = base.mark_point(filled=True, size=70, color=COLOURS[0], opacity=1).encode(x=x)
    return alt.layer(*layers, single.encode(x="each:Q"), bars, dots)


def effects(rows: Rows) -> Chart:
    """Each value's mean score, a dot, and in grey between which means it would be by chance.

    ``rows`` have ``setting``, ``value``, ``mean``, ``low``, ``high`` and ``outside``.
    """
    order = list(dict.fromkeys(str(row["setting"]) for row in rows))
    base = alt.Chart(width=WIDTH, height=alt.Step(ROW - 4)).encode(
        y=alt.Y("value:N", sort=None, title=None)
    )  # without data: those of a layer would not be divided among the facets
    title = "mean score at the first rung, %"
    x = alt.X("mean:Q", title=title, scale=alt.Scale(zero=False))
    chance = base.mark_bar(color=GRID, height=10).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    colour = alt.Color(
        "outside:N", scale=alt.Scale(domain=["by chance", "not by chance"], range=[REST, COLOURS[0]])
    )
    shape = alt.Shape(
        "outside:N", scale=alt.Scale(domain=["by chance", "not by chance"], range=["circle", "diamond"])
    )
    dots = base.mark_point(filled=True, size=75, opacity=1).encode(x=x, color=colour, shape=shape)
    header = alt.Header(labelAnchor="start", labelOrient="top", labelPadding=2)
    layered = alt.layer(chance, dots, data=_data(rows))
    row = alt.Row("setting:N", sort=order, title=None, header=header)
    return cast("Chart", layered.facet(row=row, spacing=6).resolve_scale(y="independent"))


def parallel(rows: Rows, ticks: Rows, axes: Sequence[str]) -> Chart:
    """Parallel coordinates: a line for each trial through its value of each setting, the best in colour.

    Args:
        rows: with ``trial``, ``axis``, ``at`` from 0 to 1, and ``best``, a truth value.
        ticks: with ``axis``, ``at`` and ``label``.
        axes: their names, from left to right.
    """
    x = alt.X(
        "axis:N", sort=list(axes), title=None, scale=alt.Scale(type="point", padding=0.3),
        axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False, labelLimit=110, labelPadding=14),
    )  # fmt: skip
    y = alt.Y("at:Q", axis=None, scale=alt.Scale(domain=[0, 1]))
    lines = alt.Chart(_data(rows), width=max(WIDTH, 110 * len(axes)), height=HEIGHT).encode(
        x=x, y=y, detail="trial:N"
    )
    rest = lines.transform_filter("!datum.best").mark_line(color=REST, strokeWidth=1, opacity=0.45)
    best = lines.transform_filter("datum.best").mark_line(color=COLOURS[0], strokeWidth=2, opacity=0.9)
    bars = alt.Chart(_data([{"axis": each} for each in axes])).mark_rule(color=INK, strokeWidth=1).encode(x=x)
    words = alt.Chart(_data(ticks)).mark_text(align="left", dx=5, fontSize=11, color=INK)
    return alt.layer(bars, rest, best, words.encode(x=x, y=y, text="label:N"))


LOOKS = {"front": (COLOURS[0], "diamond"), "others": (REST, "circle"), "trials": (COLOURS[0], "circle")}


def front(rows: Rows, title: str, *, logarithmic: bool) -> Chart:
    """Scores against a cost; ``rows`` have ``cost``, ``score`` and ``group``, one of ``LOOKS``."""
    names = [name for name in LOOKS if any(row["group"] == name for row in rows)]
    colours, signs = zip(*(LOOKS[name] for name in names), strict=True)
    scale = alt.Scale(type="log") if logarithmic else alt.Scale(zero=False)
    points = alt.Chart(_data(rows), width=WIDTH, height=HEIGHT).mark_point(filled=True, opacity=0.9, size=70)
    points = points.encode(
        x=alt.X("cost:Q", title=title, scale=scale, axis=alt.Axis(format="~s", grid=False, tickCount=5)),
        y=_score(),
        color=alt.Color("group:N", scale=alt.Scale(domain=names, range=list(colours))),
        shape=alt.Shape("group:N", scale=alt.Scale(domain=names, range=list(signs))),
    )
    return cast("Chart", points)


def reliability(rows: Rows) -> Chart:
    """Accuracy against confidence; ``rows`` are bins: ``confidence``, ``accuracy``, ``low``, ``high``."""
    ends = alt.Scale(domain=[0, 100])
    line = alt.Chart(_data([{"x": 0, "y": 0}, {"x": 100, "y": 100}]), width=WIDTH * 0.8, height=WIDTH * 0.8)
    ideal = line.mark_line(color=REST, strokeDash=[4, 3]).encode(x="x:Q", y="y:Q")
    base = alt.Chart(_data(rows)).encode(x=alt.X("confidence:Q", title="mean confidence, %", scale=ends))
    bars = base.mark_rule(color=COLOURS[0], strokeWidth=2).encode(y="low:Q", y2="high:Q")
    dots = base.mark_point(filled=True, color=COLOURS[0], opacity=1).encode(
        y=alt.Y("accuracy:Q", title="right, %", scale=ends),
        size=alt.Size("images:Q", title="images", legend=None),
    )
    return alt.layer(ideal, bars, dots)
