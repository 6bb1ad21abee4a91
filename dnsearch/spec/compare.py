"""The ``compare`` section: which arms are compared, and how many pairs of trainings decide."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field

from dnsearch.errors import Problem, SpecError
from dnsearch.spec.section import Fraction, Many, One, Section
from dnsearch.spec.tree import plain
from dnsearch.spec.tune.parameters import FloatRange, encoded
from dnsearch.spec.yaml import read

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
RATE, SEED, SPLIT_SEED = "training.learning_rate", "training.seed", "data.split_seed"
FEWEST_PAIRS = 6
"""With 5 pairs even equal signs have ``p = 2 / 2⁵ = 0.0625``."""

Arms = dict[str, Annotated[dict[str, Any], Field(max_length=100)]]
Matched = Literal["macs", "parameters", "none"]


class Retune(Section):
    """A learning rate for each arm, the best of the same ones."""

    learning_rate: FloatRange = Field(alias=RATE)
    """The range, such as {float: [0.02, 0.4], log: true}; it gets longer where an arm's best rate is at an
    end."""
    trials: Annotated[int, Field(ge=3, le=50)] = 7
    """How many rates, evenly spaced."""
    seeds: Annotated[int, Field(ge=1, le=20)] = 2
    """Trainings with each rate, on another split than the pairs'."""

    def misfits(self) -> Iterator[Problem]:
        """What only a search can do with a range."""
        for field in ("step", "when"):
            if getattr(self.learning_rate, field) is not None:
                yield Problem(f"{RATE}.{field}", "a range without it: the rates are evenly spaced")


class Pairs(Section):
    """How many pairs it takes, from what a pilot tells of their spread."""

    pilot: Annotated[int, Field(ge=3, le=100)] = 4
    """Pairs that only measure the spread of the differences."""
    at_most: Annotated[int, Field(ge=FEWEST_PAIRS, le=1000)] = 24
    """Pairs at most, whatever the pilot says."""
    power: Fraction = Field(0.8, description="Probability to find a difference as large as margin.")


PairsOrNumber = Annotated[
    Annotated[int, Field(ge=FEWEST_PAIRS, le=1000), One] | Annotated[Pairs, Many],
    Discriminator(lambda value: "#many" if isinstance(value, dict | Pairs) else "#one"),
]


class Compare(Section):
    """A comparison: each pair trains every arm with the same seed."""

    arms: Arms = Field(min_length=2, max_length=8)
    """Name → the arm's values: {avg: {network.pooling: avg}, max: {network.pooling: max}}. {} is the spec
    itself."""
    baseline: str | None = None
    """The arm that the others are compared with. null: the first one."""
    match: Matched = "macs"
    """What arms are brought to the baseline's cost in, by their growth rates and within 2 %: macs, parameters
    or none."""
    retune: Retune | None = Field(None, description="Rates for each arm. null: the spec's for all.")
    margin: Annotated[float, Field(ge=0, le=100)] = 0.5
    """The difference that matters, in points of accuracy (of a U-Net: of mean IoU). 0: no arms are
    equivalent, and pairs must be a number."""
    pairs: PairsOrNumber = Pairs.model_construct()
    """A number of pairs, or a pilot that finds it."""
    resplit: bool = False
    """Give each pair validation images of its own. The interval is then about other images, too, and much
    wider."""

    def misfits(self) -> Iterator[Problem]:
        """Names and values of arms that make no comparison."""
        for name, values in self.arms.items():
            if not re.fullmatch(NAME, name):
                expected = "a name of at most 40 letters, digits, dots, dashes and underscores"
                yield Problem(f"arms.{name}", expected, repr(name))
            yield from _unsuited(name, values)
        if self.baseline is not None and self.baseline not in self.arms:
            yield Problem("baseline", f"one of the arms: {', '.join(self.arms)}", self.baseline)
        if self.margin == 0 and isinstance(self.pairs, Pairs):
            hint = "Set the margin to the difference that matters, or pairs to a number."
            yield Problem("margin", "above 0, since the pilot plans to find it", "0", hint)

    @property
    def reference(self) -> str:
        """The name of the arm that the others are compared with."""
        return self.baseline or next(iter(self.arms))


def _unsuited(name: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    for path in values:
        where = f"arms.{name}.{path}"
        if path == SEED:
            yield Problem(where, "no seed: a pair has the same one for all arms")
        elif not path.startswith(("network.", "training.")):
            yield Problem(where, "a field of network or training: all arms learn from the same images", path)


def arms_of(text: str) -> dict[str, dict[str, Any]]:
    """The arms of ``--vary``: one field and its values, as YAML has them in a list.

    >>> arms_of("network.pooling=avg,max")
    {'avg': {'network.pooling': 'avg'}, 'max': {'network.pooling': 'max'}}
    >>> [*arms_of("network.layers_per_block=[2, 2],[4]")]
    ['2-2', '4']
    """
    path, equals, values = text.partition("=")
    expected = "a field and two or more of its values, such as network.pooling=avg,max"
    if not equals:
        raise SpecError([Problem("--vary", expected, repr(text))])
    try:
        found = plain(read(f"[{values}]".encode(errors="replace"), "--vary"))
    except SpecError:
        raise SpecError([Problem("--vary", expected, repr(text))]) from None
    names = [re.sub(r"[^A-Za-z0-9._-]+", "-", str(encoded(value)).lower()).strip("-")[:40] for value in found]
    if len(found) < 2 or len({*names}) < len(found):
        raise SpecError([Problem("--vary", expected, repr(text))])
    return {name: {path: value} for name, value in zip(names, found, strict=True)}


def varied(vary: str | None) -> list[str]:
    """What ``--vary`` changes in a spec, as ``--set`` has it."""
    return [f"compare.arms={json.dumps(arms_of(vary))}"] if vary else []


def comparison_name(spec: str, vary: str | None) -> str:
    """The name of a comparison that has none: the spec's, with the field that varies.

    >>> comparison_name("starter", "network.pooling=avg,max"), comparison_name("pooling", None)
    ('starter-pooling', 'pooling-compare')
    """
    return f"{spec}-{vary.partition('=')[0].rpartition('.')[2] if vary else 'compare'}"
