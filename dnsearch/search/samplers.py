"""Who proposes trials: Optuna's samplers, so that a continued study goes on as if it had never stopped."""

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, assert_never
from zlib import crc32

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GridSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from dnsearch import environment
from dnsearch.search.parameter_space import distribution, suggested
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.parameters import Label
from dnsearch.spec.tune.search_space import every_label

PAUSED = "dnsearch:paused"  # of a trial that waits at a rung, its epoch; 0 when it goes on
KNOWLEDGE = "dnsearch:knowledge"  # of a study: other studies' trials, with study, trial, params, values


def sampler(tune: Tune, number: int) -> BaseSampler:
    """Who proposes a trial; its random numbers depend on the seed and the trial's number alone.

    A study that is continued would otherwise start its random numbers, and so its proposals, over again. The
    points of a Sobol sequence have their order from one seed; the study counts them.
    """
    seed = _seed(tune, number)
    match tune.sampler:
        case "tpe":
            return TPESampler(seed=seed)
        case "random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "grid":
            grid = {path: [*every_label(searched)] for path, searched in tune.parameters.items()}
            return Grid(grid, seed=tune.seed)
        case "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=population(tune.trials))
        case "cmaes":
            environment.require("cmaes", "cmaes")
            return Evolution(seed=seed)
        case "qmc":
            return _experimental(lambda: optuna.samplers.QMCSampler(scramble=True, seed=tune.seed))
        case "gp":
            environment.require("gp", "torch", "scipy")
            return _experimental(lambda: optuna.samplers.GPSampler(seed=seed))
        case _:
            assert_never(tune.sampler)


def _experimental(make: Callable[[], BaseSampler]) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return make()


def population(trials: int) -> int:
    """How many finished trials make a generation of NSGA-II: the root of the trials that are planned.

    So there are as many generations as each has trials; at most Optuna's usual 50.

    >>> [population(trials) for trials in (12, 100, 1000, 10_000)]
    [4, 10, 31, 50]
    """
    return min(50, max(4, math.isqrt(trials)))


class Grid(GridSampler):
    """Optuna's, but that it does not stop the study: whoever asks for trials looks for what is left."""

    def after_trial(self, *_: object, **__: object) -> None:
        """Do nothing at a trial's end."""


class Evolution(CmaEsSampler):
    """Optuna's CMA-ES, but that it does not say after each trial that it learns nothing from constraints."""

    def after_trial(self, *_: object, **__: object) -> None:
        """Do nothing at a trial's end."""


def proposed(study: optuna.Study, tune: Tune, number: int) -> Mapping[str, Label] | None:
    """What TPE proposes for a trial where it learns from more than Optuna's trials that have ended.

    Optuna learns nothing from trials that wait at a rung. So TPE is asked in a copy of the study with other
    studies' trials, in which all that has not ended is pruned; a trial at work then counts as a poor one, as
    with Optuna's constant liar. None where no trial waits and nothing else is known.
    """
    trials = study.get_trials(deepcopy=False)
    known = study.user_attrs.get(KNOWLEDGE, [])
    waiting = any(each.user_attrs.get(PAUSED) and not each.state.is_finished() for each in trials)
    if tune.sampler != "tpe" or not (waiting or known):
        return None
    sampler = TPESampler(seed=_seed(tune, number), constant_liar=False)
    copy = optuna.create_study(directions=study.directions, sampler=sampler)
    copy.add_trials(_learnt(each, tune) for each in known)
    copy.add_trials(each if each.state.is_finished() else _pruned(each) for each in trials if each.params)
    return suggested(copy.ask(), tune).labels


def _seed(tune: Tune, number: int) -> int:
    return crc32(f"{tune.seed} {number}".encode())


def _learnt(known: Mapping[str, Any], tune: Tune) -> FrozenTrial:
    found: dict[str, BaseDistribution] = {
        path: distribution(tune.parameters[path]) for path in known["params"]
    }
    return create_trial(params=known["params"], distributions=found, values=known["values"])


def _pruned(trial: FrozenTrial) -> FrozenTrial:
    return create_trial(
        state=TrialState.PRUNED,
        params=trial.params,
        distributions=trial.distributions,
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
    )
