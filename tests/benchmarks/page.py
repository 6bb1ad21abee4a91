"""Results as text: a table per machine, in a terminal and in ``docs/benchmarks.md``."""

from collections.abc import Mapping, Sequence
from typing import Any

from comparisons import Comparison, Row, rows

HEAD = ("ratio", "target", "what", "is", "over")


def section(result: Mapping[str, Any], comparisons: Sequence[Comparison]) -> str:
    """One machine's result: where and when it was measured, then a row per comparison, ratios first."""
    lines = [HEAD, *map(_cells, rows(result["jobs"], comparisons))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines]
    table.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    return "\n".join([f"### {_machine(result['machine'])}", "", _circumstances(result), "", *table]) + "\n"


def with_sections(page: str, command: str, sections: Sequence[str]) -> str:
    """A page with these sections between the two marks of a command, instead of those that are there."""
    begin, end = f"<!-- from here: {command} -->", f"<!-- to here: {command} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return "\n\n".join([before + begin, *map(str.rstrip, sections), end + after])


def _cells(row: Row) -> tuple[str, ...]:
    comparison = row.comparison
    over, under = (comparison.over[1], row.over), (comparison.under[1], row.under)
    ratio = f"{row.ratio:.2f}" if row.ratio >= 0.1 else f"{row.ratio:.2g}"
    return ratio, _target(row), comparison.what, _amount(*over), _amount(*under)


def _target(row: Row) -> str:
    match row.comparison.at_least, row.comparison.at_most:
        case None, None:
            return ""
        case float() as least, None:
            wanted = f"≥ {least}"
        case _, most:
            wanted = f"≤ {most}"
    return f"{wanted} {'met' if row.met else 'missed'}"


def _amount(figure: str, value: float) -> str:
    """A figure with its unit, which its name ends with."""
    match figure.rsplit("_", 1)[1]:
        case "bytes":
            return f"{value / 1e6:,.0f} MB"
        case "seconds":
            return f"{value:.3g} s" if value < 10 else f"{value:.1f} s"
        case _:
            return f"{value:.1f} images/s"


def _machine(machine: Mapping[str, Any]) -> str:
    gpus = ", ".join(machine["gpus"]) or "no GPU"
    memory = f"{machine['memory_bytes'] / 2**30:.0f} GiB"
    return f"{machine['processor']}, {machine['cores']} cores, {memory}, {gpus}"


def _circumstances(result: Mapping[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return f"{result['date']}; {libraries}; load before the start {result['load']:.1f}."
