"""From the ``tune`` section to Optuna's distributions, and back to values for a spec.

Optuna's categories are scalars; a choice that is a list or a mapping goes by its JSON text.
"""

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from dnsearch.spec.document import Document, fingerprint, settings
from dnsearch.spec.tune import FloatRange, IntRange, Searched, Tune

Values = dict[str, Any]


def distributions(tune: Tune) -> dict[str, BaseDistribution]:
    """Dotted path → distribution.

        >>> from dnsearch.spec.document import Document, fingerprint, settings
    from dnsearch.spec.tune import Tune
        >>> tune = Tune.model_validate({"parameters": {"network.growth_rate": {"int": (4, 24), "step": 4}}})
        >>> distributions(tune)
        {'network.growth_rate': IntDistribution(high=24, log=False, low=4, step=4)}
    """
    return {path: _distribution(searched) for path, searched in tune.parameters.items()}


def _distribution(searched: Searched) -> BaseDistribution:
    match searched:
        case IntRange(bounds=(low, high), step=step, log=log):
            return IntDistribution(low, high, log=log, step=step)
        case FloatRange(bounds=(low, high), step=step, log=log):
            return FloatDistribution(low, high, log=log, step=step)
        case choices:
            return CategoricalDistribution([encoded(choice) for choice in choices])


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
            return trial.suggest_int(path, low, high, step=step, log=log)
        case FloatRange(bounds=(low, high), step=step, log=log):
            return trial.suggest_float(path, low, high, step=step, log=log)
        case choices:
            return _chosen(trial, path, choices)


def _chosen(trial: Trial, path: str, choices: tuple[Any, ...]) -> Any:  # noqa: ANN401  (whatever the YAML holds)
    by_code = {encoded(choice): choice for choice in choices}
    return by_code[trial.suggest_categorical(path, list(by_code))]


def base_values(document: Document, tune: Tune) -> Values:
    """The searched values that the unmodified spec has, as far as the search space holds them.

    A value is the spec's own when laying it over the spec changes nothing.
    """
    own = fingerprint(document.experiment)
    found = {}
    for path, searched in tune.parameters.items():
        for value in _candidates(document, path, searched):
            if fingerprint(document.with_values({path: value}, path).experiment) == own:
                found[path] = value
                break
    return found


def _candidates(document: Document, path: str, searched: Searched) -> tuple[Any, ...]:
    """The values of the space that could be the spec's own."""
    if isinstance(searched, tuple):
        return searched
    values = [
        value for key, value in settings(document.experiment).items() if f"{key}.".startswith(f"{path}.")
    ]
    low, high = searched.bounds
    return tuple(
        v for v in values[:1] if isinstance(v, int | float) and low <= v <= high and _on_grid(v, searched)
    )


def _on_grid(value: float, searched: IntRange | FloatRange) -> bool:
    if searched.step is None:
        return True
    steps = (value - searched.bounds[0]) / searched.step
    return abs(steps - round(steps)) < 1e-9
