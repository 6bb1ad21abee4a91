"""Numbers and values as a person reads them; epochs and runs as ``train`` and ``tune`` report them."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnsearch.runs.record import EpochRecord, Metrics, RunRecord

NOTHING = "–"


def percent(share: float | None) -> str:
    """A share from 0 to 1 in percent, with two decimals.

    >>> percent(0.97222)
    '97.22 %'
    """
    return f"{100 * share:.2f} %" if share is not None and math.isfinite(share) else NOTHING


def count(number: int) -> str:
    """A number of things, all digits below ten millions.

    >>> count(504052), count(27_249_418)
    ('504,052', '27.2M')
    """
    return f"{number:,}" if number < 10_000_000 else short_count(number)


def counted(number: int, thing: str) -> str:
    """A number of things.

    >>> counted(1, "layer"), counted(1584, "edge")
    ('1 layer', '1,584 edges')
    """
    return f"{number:,} {thing}{'s' * (number != 1)}"


def shape(sides: Sequence[int]) -> str:
    """A shape as it is read: 32x32x24."""
    return "x".join(map(str, sides))


def short_count(number: int) -> str:
    """A large number in three or four digits.

    >>> short_count(12_345_678), short_count(950), short_count(999_960)
    ('12.3M', '950', '1.0M')
    """
    return _scaled(number, ("", "k", "M", "G", "T"))


def size(number: int) -> str:
    """A number of bytes, in units of 1000.

    >>> size(1_612_000_000)
    '1.6 GB'
    """
    return _scaled(number, (" B", " kB", " MB", " GB"))


def _scaled(number: int, units: Sequence[str]) -> str:
    scaled, place = float(number), 0
    while round(scaled, 1) >= 1000 and place < len(units) - 1:
        scaled, place = scaled / 1000, place + 1
    return f"{scaled:.1f}{units[place]}" if place else f"{number}{units[0]}"


def duration(seconds: float) -> str:
    """A time span in its two largest units.

    >>> duration(12.34), duration(245), duration(3720), duration(200_000)
    ('12.3 s', '4 m 05 s', '1 h 02 m', '2 d 07 h')
    """
    whole = round(seconds)
    for unit, name, smaller, rest in ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= unit and seconds >= 59.95:
            return f"{whole // unit} {name} {whole % unit // smaller:02} {rest}"
    return f"{seconds:.1f} s"


def setting(value: Any) -> str:  # noqa: ANN401  (whatever a spec can hold)
    """The value of a setting, compact.

    >>> setting([2, 2, 2]), setting([0.5, 0.75]), setting(0.00012345), setting(None)
    ('2-2-2', '0.5, 0.75', '0.000123', 'null')
    """
    match value:
        case None | True | False:
            return json.dumps(value)
        case float():
            return f"{value:.3g}"
        case list() | tuple():
            plain = value and all(type(item) is int and item >= 0 for item in value)
            return ("-" if plain else ", ").join(map(setting, value))
        case Mapping():
            return ", ".join(f"{key} {setting(item)}" for key, item in value.items())
        case _:
            return one_line(str(value))


def one_line(text: str) -> str:
    r"""A text without line ends and control characters, so that it cannot draw outside its cell.

    >>> one_line("out of\n  memory")
    'out of memory'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shortened(text: str, longest: int) -> str:
    """A text of at most ``longest`` characters, with an ellipsis where some are missing.

    >>> shortened("the loss is not finite", 12)
    'the loss is…'
    """
    return text if len(text) <= longest else f"{text[: max(0, longest - 1)].rstrip()}…"


def epoch_line(epoch: "EpochRecord", planned: int) -> str:
    """One epoch of so many planned ones."""
    figures = f"training {_metrics(epoch.training)}  validation {_metrics(epoch.validation)}"
    speed = f"{duration(epoch.wall_seconds)}  {epoch.images_per_second:,.0f} images/s"
    return f"epoch {epoch.epoch:>{len(str(planned))}}/{planned}  {figures}  {speed}"


def _metrics(metrics: "Metrics") -> str:
    overlap = "" if metrics.mean_iou is None else f", {score(metrics)}"
    return f"{percent(metrics.accuracy)} (loss {metrics.loss:.4f}{overlap})"


def score(metrics: "Metrics") -> str:
    """What networks are chosen by, by its name.

    >>> from dnsearch.runs.record import Metrics
    >>> score(Metrics(0.3, 0.9, 100)), score(Metrics(0.3, 0.9, 100, 0.75))
    ('accuracy 90.00 %', 'mean IoU 75.00 %')
    """
    return f"{'accuracy' if metrics.mean_iou is None else 'mean IoU'} {percent(metrics.score)}"


def run_line(record: "RunRecord") -> str:
    """One run that has ended, in whichever state."""
    figures = {"validation": record.last, "test": record.test}
    parts = [
        one_line(record.name) if record.trial is None else f"trial {record.trial}",
        *([f"seed {record.seed}"] if record.confirmation else []),
        record.state,
        *([f"{in_parts(record.parts)} for lack of memory"] if record.parts else []),
        *(f"{name} {score(each).removeprefix('accuracy ')}" for name, each in figures.items() if each),
        *([f"{count(record.parameters.trainable)} parameters"] if record.parameters else []),
        counted(record.epochs, "epoch"),
        duration(record.wall_seconds),
        *([shortened(one_line(record.reason), 120)] if record.reason else []),
    ]
    return "  ".join(parts)


def in_parts(parts: int) -> str:
    """Marks a run whose batches had to be split more often than the spec asks for, for lack of memory."""
    return f"in {parts} parts"
