"""Proposals with the settings of an earlier trial, and when a search space has nothing else to give.

Such a proposal is no trial: Optuna knows it as a failed one, from which no sampler learns, with a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, takewhile
from random import Random

from optuna.trial import FrozenTrial

from dnsearch.search.survey import evenly
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.parameters import Label, exact
from dnsearch.spec.tune.search_space import counts, extent, points

DROPPED = "dnsearch:dropped"  # why a number belongs to no trial: it does not fit a changed spec, or is a copy
SAME = "same settings as trial "
FEW = 10
"""Duplicates in a row after which configurations are drawn evenly: the sampler insists on what it knows."""
MOST = 1000
"""Duplicates in a row after which a search ends: by the rule of three, less than 0.3 % of what is drawn is
new then, at 95 % confidence."""
DRAWS = 10_000

Labels = frozenset[tuple[str, Label]]


def in_a_row(trials: Sequence[FrozenTrial]) -> int:
    """How many of the latest proposals were duplicates."""
    reasons = (str(each.user_attrs.get(DROPPED, "")) for each in reversed(trials))
    return sum(1 for _ in takewhile(lambda reason: reason.startswith(SAME), reasons))


def configurations(tune: Tune) -> int | None:
    """How many configurations a space has; None where they are too many, or without end."""
    found = extent(tune.parameters)
    return None if found is None or found.continuous else found.configurations


def exhausted(trials: Sequence[FrozenTrial], tune: Tune, most: int | None) -> str:
    """Why a space, which has at ``most`` so many configurations, gives nothing new; empty while it may."""
    if in_a_row(trials) >= MOST:
        return f"the last {MOST:,} proposals had the settings of earlier trials"
    if most is None or len(trials) < most or len(set(tried(trials, tune))) < most:
        return ""
    return f"all {most:,} configurations tried"


def untried(trials: Sequence[FrozenTrial], tune: Tune) -> Mapping[str, Label] | None:
    """A configuration that was not proposed before, drawn evenly; None: none was found."""
    known, draw = set(tried(trials, tune)), evenly(Random(f"{tune.seed} {len(trials)}"))
    drawn = (choice.labels for choice in islice(points(tune, draw), DRAWS))
    return next((labels for labels in drawn if frozenset(labels.items()) not in known), None)


def tried(trials: Sequence[FrozenTrial], tune: Tune) -> Iterator[Labels]:
    """The points of the space that were proposed; a base spec outside of it is none."""
    for trial in trials:
        own = {path: exact(tune.parameters[path], label) for path, label in trial.params.items()}
        if all((path in own) == counts(searched, own) for path, searched in tune.parameters.items()):
            yield frozenset(own.items())
