"""From the ``tune`` section to what Optuna proposes, and back to values for a spec.

Optuna's categories are scalars; a choice that is a list or a mapping goes by its JSON text.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from optuna.trial import Trial

from dnsearch.errors import SpecError
from dnsearch.spec.document import Document, fingerprint, settings
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.parameters import FloatRange, IntRange, Searched

Values = dict[str, Any]


def encoded(value: Any) -> Any:  # noqa: ANN401  (whatever the YAML holds)
    """A choice as Optuna can store it: scalars as they are, the rest as JSON.

    >>> encoded((2, 2, 2))
    '[2, 2, 2]'
    """
    return json.dumps(value) if isinstance(value, tuple | list | dict) else value


def sampled(trial: Trial, parameters: Mapping[str, Searched]) -> Values:
    """Dotted path → the value that the sampler proposes, ready to be laid over the spec."""
    return {path: _sampled(trial, path, searched) for path, searched in parameters.items()}


def _sampled(trial: Trial, path: str, searched: Searched) -> Any:  # noqa: ANN401  (whatever the YAML holds)
    match searched:
        case IntRange(bounds=(low, high), step=step, log=log):
            return trial.suggest_int(path, low, int(highest(low, high, step)), step=step, log=log)
        case FloatRange(bounds=(low, high), step=step, log=log):
            return trial.suggest_float(path, low, highest(low, high, step), step=step, log=log)
        case choices:
            return _chosen(trial, path, choices)


def highest(low: float, high: float, step: float | None) -> float:
    """The largest value of a range: Optuna wants it to be a whole number of steps away from the first.

    >>> highest(0.1, 1.0, 0.4)
    0.9
    """
    if step is None:
        return high
    first, end, width = (Decimal(str(value)) for value in (low, high, step))  # 0.1 is a tenth here
    return float(first + (end - first) // width * width)


def _chosen(trial: Trial, path: str, choices: tuple[Any, ...]) -> Any:  # noqa: ANN401  (whatever the YAML holds)
    by_code = {encoded(choice): choice for choice in choices}
    return by_code[trial.suggest_categorical(path, list(by_code))]


def base_values(document: Document, tune: Tune) -> Values:
    """The searched values that the unmodified spec has, as far as the search space holds them."""
    found = {}
    for path, searched in tune.parameters.items():
        for value in _candidates(document, path, searched):
            if _changes_nothing(document, path, value):
                found[path] = value
                break
    return found


def base_labels(document: Document, tune: Tune) -> Values:
    """The same values as Optuna stores them."""
    return {path: encoded(value) for path, value in base_values(document, tune).items()}


def _changes_nothing(document: Document, path: str, value: Any) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    try:
        changed = document.with_values({path: value}, path).experiment
    except SpecError:  # alone, beside the spec's other values, it may not even be allowed
        return False
    return fingerprint(changed) == fingerprint(document.experiment)


def _candidates(document: Document, path: str, searched: Searched) -> tuple[Any, ...]:
    """The values of the space that could be the spec's own."""
    if isinstance(searched, tuple):
        return searched
    own = settings(document.experiment)
    values = [value for key, value in own.items() if f"{key}.".startswith(f"{path}.")]
    return tuple(value for value in values[:1] if isinstance(value, int | float) and _holds(searched, value))


def _holds(searched: IntRange | FloatRange, value: float) -> bool:
    low, high = searched.bounds
    if not low <= value <= high:
        return False
    return searched.step is None or highest(low, value, searched.step) == value
