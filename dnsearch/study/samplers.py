"""Who proposes trials: Optuna's samplers, so that a continued study goes on as if it had never stopped."""

import warnings
from typing import Any, assert_never
from zlib import crc32

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial, TrialState

from dnsearch import runtime
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.parameters import FloatRange, IntRange, Searched, highest, labelled

PAUSED = "dnsearch:paused"
"""The user attribute of a trial that waits at a rung, with its epoch; 0 when it goes on."""


def sampler(tune: Tune, number: int) -> BaseSampler:
    """Who proposes a trial; its random numbers depend on the seed and the trial's number alone.

    A study that is continued would otherwise start its random numbers, and so its proposals, over again. The
    points of a Sobol sequence have their order from one seed; the study counts them.

    Raises:
        DnsearchError: the sampler wants a library that is not installed.
    """
    seed = crc32(f"{tune.seed} {number}".encode())
    match tune.sampler:
        case "tpe":
            return WaitingSeen(TPESampler(seed=seed, warn_independent_sampling=False))
        case "random":
            return RandomSampler(seed=seed)
        case "grid":
            return GridSampler(grid(tune), seed=tune.seed)
        case "nsga2":
            return NSGAIISampler(seed=seed)
        case "cmaes":
            runtime.require("cmaes", "cmaes")
            return CmaEsSampler(seed=seed, consider_pruned_trials=False)
        case "qmc":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return QMCSampler(scramble=True, seed=tune.seed)
        case "gp":
            runtime.require("gp", "torch")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return GPSampler(seed=seed)
        case _:
            assert_never(tune.sampler)


def grid(tune: Tune) -> dict[str, list[Any]]:
    """Every value of every parameter."""
    return {path: _all_values(searched) for path, searched in tune.parameters.items()}


def _all_values(searched: Searched) -> list[Any]:
    match searched:
        case IntRange(bounds=(low, high), step=step):
            return list(range(low, high + 1, step))
        case FloatRange(bounds=(low, high), step=step):
            width = step or high - low  # the spec has refused a grid of any number
            count = round((highest(low, high, width) - low) / width) + 1
            return [low + index * width for index in range(count)]
        case choices:
            return list(labelled(choices))


class WaitingSeen(BaseSampler):
    """Shows a sampler the trials that wait at a rung as pruned ones.

    To Optuna they are running, of which its TPE learns nothing; but most of them will never go on.

    Args:
        sampler: who proposes.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """What is sampled together."""
        return self._sampler.infer_relative_search_space(_as_pruned(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values that are sampled together."""
        return self._sampler.sample_relative(_as_pruned(study), trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401  (whatever the distribution holds)
        """A value that is sampled alone."""
        return self._sampler.sample_independent(_as_pruned(study), trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Told of a trial's start."""
        self._sampler.before_trial(study, trial)


def _as_pruned(study: optuna.Study) -> optuna.Study:
    """The study itself, or where trials wait, a copy in memory in which they are pruned."""
    trials = study.get_trials(deepcopy=False)
    if not any(trial.user_attrs.get(PAUSED) for trial in trials):
        return study
    copy = optuna.create_study(directions=study.directions)
    for trial in trials:
        copy.add_trial(_pruned(trial) if trial.user_attrs.get(PAUSED) else trial)
    return copy


def _pruned(trial: FrozenTrial) -> FrozenTrial:
    return optuna.trial.create_trial(
        state=TrialState.PRUNED,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=trial.user_attrs,
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
    )
