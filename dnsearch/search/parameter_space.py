"""The search space as Optuna's samplers walk through it, and whether a spec is in it."""

from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from dnsearch.errors import Problem, SpecError, StudyError
from dnsearch.spec.document import Document, settings
from dnsearch.spec.experiment import STAGES
from dnsearch.spec.tree import overlap
from dnsearch.spec.tune import SAMPLERS, Tune, parameters
from dnsearch.spec.tune.parameters import FloatRange, IntRange, Label, Searched, highest, labelled
from dnsearch.spec.tune.search_space import Choice, Draw, chosen, counts, followers, in_order, value_of


def distribution(searched: Searched) -> IntDistribution | FloatDistribution | CategoricalDistribution:
    """What Optuna knows of a parameter.

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


def _suggestions(trial: Trial) -> Draw:
    """Draws what a trial's sampler suggests; what the trial has been given before, it is given again."""

    def draw(path: str, searched: Searched) -> Label:
        match distribution(searched):
            case IntDistribution(low=low, high=high, step=step, log=log):
                return trial.suggest_int(path, low, high, step=step, log=log)
            case FloatDistribution(low=low, high=high, step=step, log=log):
                return trial.suggest_float(path, low, high, step=step, log=log)
            case CategoricalDistribution(choices=choices):
                return trial.suggest_categorical(path, choices)
            case other:
                assert_never(other)

    return draw


def suggested(trial: Trial, tune: Tune) -> Choice:
    """What a trial's sampler chooses."""
    return chosen(tune, _suggestions(trial))


def suggested_base(trial: Trial, tune: Tune, labels: Mapping[str, Label]) -> Choice:
    """Write the base spec's labels into its trial; nothing in the spec is changed."""
    own = {path: tune.parameters[path] for path in labels}
    chosen(tune.model_copy(update={"parameters": own, "relations": ()}), _suggestions(trial))
    return Choice(labels, {})


def base_labels(document: Document, tune: Tune) -> dict[str, Label]:
    """The labels that the unmodified spec has, as far as the search space has them.

    A section's choice is the spec's own where it differs in nothing but fields that are searched themselves.
    """
    own, found = settings(document.experiment), dict[str, Label]()
    for path in in_order(tune.parameters):
        searched = tune.parameters[path]
        if counts(searched, found):
            for label, value in _candidates(own, path, searched):
                if _is_own(document, own, path, value, tune):
                    found[path] = label
                    break
    return found


def _is_own(document: Document, own: Mapping[str, Any], path: str, value: Any, tune: Tune) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    """Whether the spec has a value already; what could be a shorthand is compared as the spec reads it."""
    if _is_plain(present := _value_at(own, path)) and _is_plain(value):
        return _same(present, value)
    try:
        changed = document.with_values({path: value}, path).experiment
    except SpecError:  # alone, beside the spec's other values, it may not even be allowed
        return False
    after = settings(changed)
    differing = (key for key in own.keys() | after.keys() if own.get(key) != after.get(key))
    inside = [other for other in tune.parameters if other.startswith(f"{path}.")]
    return all(any(f"{key}.".startswith(f"{other}.") for other in inside) for key in differing)


def _value_at(own: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401  (whatever the YAML holds)
    """The value at a path, or of a position in a list; the settings below it where it is a section."""
    above, _, last = path.rpartition(".")
    if path in own:
        return own[path]
    if last.isdecimal() and isinstance(own.get(above), list) and int(last) < len(own[above]):
        return own[above][int(last)]
    return {key: each for key, each in own.items() if key.startswith(f"{path}.")}


def _is_plain(value: Any) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    items = value if isinstance(value, list | tuple) else (value,)
    return all(each is None or isinstance(each, str | int | float) for each in items)


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _candidates(own: Mapping[str, Any], path: str, searched: Searched) -> list[tuple[Label, Any]]:
    if not isinstance(searched, parameters.Range):
        return list(labelled(searched).items())
    present = _value_at(own, path)
    number = next(iter(present.values()), None) if isinstance(present, dict) else present
    fits = isinstance(number, int | float) and parameters.holds_value(searched, number)
    return [(parameters.exact(searched, number), number)] if fits else []


def misfits(
    document: Document, labels: Mapping[str, Label], base: Document, tune: Tune, hint: str
) -> Iterator[Problem]:
    """What keeps a spec, which has these labels in the space, from being a trial of a search."""
    own, others = settings(document.experiment), settings(base.experiment)
    given = set() if tune.fidelity == "epochs" else {STAGES}  # what the search gives each trial by itself
    differing = {key for key in own.keys() | others.keys() if own.get(key) != others.get(key)}
    for key in sorted(differing - given):
        if not any(overlap(key, path) for path in tune.parameters):
            expected = f"{others.get(key, 'not set')!s}, as in the study's spec, since it is not searched"
            differ = f"{hint}: only searched fields may differ."
            yield Problem(key, expected, str(own.get(key, "not set")), differ)
    for path, searched in tune.parameters.items():
        if path not in labels and counts(searched, labels):
            outside = f"{hint}: only a spec in the search space can be a trial."
            yield Problem(path, f"a value of tune.parameters.{path}", _shown(own, path), outside)


def _shown(own: Mapping[str, Any], path: str) -> str:
    return ", ".join(str(value) for key, value in own.items() if overlap(key, path)) or "not set"


def values_of(labels: Mapping[str, Label], tune: Tune) -> dict[str, Any]:
    """Dotted path → value, of a trial's labels; with what ``equal`` adds."""
    values = {path: value_of(tune.parameters[path], label) for path, label in labels.items()}
    return {**values, **followers(tune.relations, values)}


def check_base(document: Document, tune: Tune) -> None:
    """Refuse a base spec outside of its own search, where that would change what is proposed.

    Some samplers propose only what all finished trials have, the base spec too, and draw the rest at random.
    """
    if not SAMPLERS[tune.sampler].common_parameters_only:
        return
    own, labels = settings(document.experiment), base_labels(document, tune)
    expected = f"the spec's own value among those searched, or {tune.sampler} would only draw it at random"
    hint = "Widen the parameter, change the spec, or set tune.sampler=tpe."
    problems = [
        Problem(f"tune.parameters.{path}", expected, _shown(own, path), hint)
        for path, searched in tune.parameters.items()
        if path not in labels and not parameters.when(searched)
    ]
    if problems:
        raise StudyError("\n\n".join(map(str, problems)))
