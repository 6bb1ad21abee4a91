"""The search space as Optuna's samplers walk through it, and where the base spec lies in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from dnsearch.errors import SpecError
from dnsearch.spec.document import Document, settings
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.conditions import Label
from dnsearch.spec.tune.parameters import (
    FloatRange,
    IntRange,
    Range,
    Searched,
    exact,
    highest,
    holds_value,
    labelled,
)
from dnsearch.spec.tune.search_space import Choice, chosen, counts, in_order


@dataclass(frozen=True, slots=True)
class Suggested:
    """Draws what a trial's sampler suggests; what the trial has been given before, it is given again."""

    trial: Trial

    def whole(self, path: str, searched: IntRange, high: int) -> int:
        """A whole number of a range."""
        low, _ = searched.bounds
        return self.trial.suggest_int(path, low, high, step=searched.step, log=searched.log)

    def number(self, path: str, searched: FloatRange, high: float) -> float:
        """A number of a range."""
        low, _ = searched.bounds
        return self.trial.suggest_float(path, low, high, step=searched.step, log=searched.log)

    def label(self, path: str, labels: Sequence[Label]) -> Label:
        """One of some labels."""
        label: Label = self.trial.suggest_categorical(path, labels)
        return label


def distribution(searched: Searched) -> BaseDistribution:
    """What Optuna knows of a parameter once it has been suggested.

    >>> distribution(IntRange(int=(4, 15), step=4))
    IntDistribution(high=12, log=False, low=4, step=4)
    """
    match searched:
        case IntRange(bounds=(low, high), step=step):
            return IntDistribution(low, int(highest(low, high, step)), log=searched.log, step=step)
        case FloatRange(bounds=(low, high), step=step):
            return FloatDistribution(low, highest(low, high, step), log=searched.log, step=step)
        case choices:
            return CategoricalDistribution(list(labelled(choices)))


def suggested(trial: Trial, tune: Tune) -> Choice:
    """What a trial's sampler chooses."""
    return chosen(tune, Suggested(trial))


def suggested_base(trial: Trial, tune: Tune, labels: Mapping[str, Label]) -> Choice:
    """Write the base spec's labels into its trial; nothing is laid over the spec."""
    own = {path: tune.parameters[path] for path in labels}
    chosen(tune.model_copy(update={"parameters": own, "relations": ()}), Suggested(trial))
    return Choice(labels, {})


def base_labels(document: Document, tune: Tune) -> dict[str, Label]:
    """The labels that the unmodified spec has, as far as the search space holds them.

    A section's choice is the spec's own where it differs in nothing but fields that are searched themselves.
    """
    found: dict[str, Label] = {}
    for path in in_order(tune.parameters):
        searched = tune.parameters[path]
        if not counts(searched, found):
            continue
        for label, value in _candidates(document, path, searched):
            if _changes_nothing(document, path, value, tune):
                found[path] = label
                break
    return found


def _changes_nothing(document: Document, path: str, value: Any, tune: Tune) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    try:
        changed = document.with_values({path: value}, path).experiment
    except SpecError:  # alone, beside the spec's other values, it may not even be allowed
        return False
    before, after = settings(document.experiment), settings(changed)
    differing = (key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    inside = [other for other in tune.parameters if other.startswith(f"{path}.")]
    return all(any(f"{key}.".startswith(f"{other}.") for other in inside) for key in differing)


def _candidates(document: Document, path: str, searched: Searched) -> list[tuple[Label, Any]]:
    """The labels and values of the space that could be the spec's own."""
    if not isinstance(searched, Range):
        return list(labelled(searched).items())
    own = settings(document.experiment)
    above, _, last = path.rpartition(".")
    if last.isdecimal():
        values = list(own.get(above, ()))[int(last) : int(last) + 1]
    else:
        values = [value for key, value in own.items() if f"{key}.".startswith(f"{path}.")][:1]
    numbers = [each for each in values if isinstance(each, int | float) and holds_value(searched, each)]
    return [(exact(searched, each), each) for each in numbers]
