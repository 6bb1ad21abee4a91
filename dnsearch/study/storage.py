"""Opening the Optuna study: its database, sampler, pruner, and whether it is the same study as before."""

import json
import math
from typing import assert_never
from zlib import crc32

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from dnsearch import runtime
from dnsearch.errors import Problem, StudyError
from dnsearch.spec.document import settings
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.tune import Tune
from dnsearch.study.database import opening, shown, sqlite_file, storage
from dnsearch.study.turns import exclusive

SPEC = "dnsearch:spec"
OPENING = ".opening"
"""Whose turn it is to open a database; no study has such a name."""
LENGTH_AND_ROOM = {"trials", "trial_timeout_seconds", "confirm", "keep", "gpus_per_trial"}
"""Fields of ``tune`` that make no trial another one: how long a search goes on and what it takes up."""


def open_study(url: str, name: str, experiment: Experiment, tune: Tune) -> optuna.Study:
    """Create the study, or open it where it is already.

    Raises:
        StudyError: the storage cannot be reached, or holds a study of another spec under this name.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with opening(url), exclusive(url, OPENING):  # two that made the same tables at once would both fail
        study = optuna.create_study(
            storage=storage(url),
            study_name=name,
            direction="maximize",
            pruner=_pruner(tune, experiment.training.epochs),
            load_if_exists=True,
        )
        _same_spec(study, _description(experiment, tune))
        with runtime.without_collector():
            study.get_trials(deepcopy=False)  # Optuna keeps the ended ones from here on
    return study


def existing_study(url: str, name: str) -> optuna.Study:
    """Open a study to look at; nothing is made where there is none.

    Raises:
        StudyError: the storage cannot be reached, or has no such study.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file = sqlite_file(url)
    if file is not None and not file.is_file():
        raise _no_study(name, url, "no such file")
    with opening(url):
        names = optuna.get_all_study_names(opened := storage(url))
    if name not in names:
        raise _no_study(name, url, ", ".join(names) or "none")
    return optuna.load_study(study_name=name, storage=opened)


def _no_study(name: str, url: str, found: str) -> StudyError:
    hint = "Studies are made by: dnsearch tune SPEC --study NAME"
    return StudyError(str(Problem(f"study {name}", f"a study in {shown(url)}", found, hint)))


def sampler(tune: Tune, number: int) -> BaseSampler:
    """Who proposes a trial; its random numbers depend on the seed and the trial's number alone.

    A study that is continued would otherwise start its random numbers, and so its proposals, over again.
    """
    seed = crc32(f"{tune.seed} {number}".encode())
    match tune.sampler:
        case "tpe":
            return TPESampler(seed=seed)
        case "random":
            return RandomSampler(seed=seed)
        case _:
            assert_never(tune.sampler)


def _pruner(tune: Tune, epochs: int) -> BasePruner:
    match tune.pruner:
        case "halving":
            return SuccessiveHalvingPruner(min_resource=first_rung(epochs), reduction_factor=3)
        case "median":
            return MedianPruner(n_startup_trials=4, n_warmup_steps=2)  # epochs count from 1
        case "none":
            return NopPruner()
        case _:
            assert_never(tune.pruner)


def first_rung(epochs: int) -> int:
    """After how many epochs successive halving looks first; it keeps a third there and at 3, 9… times it.

    At most three rungs, and none after a single epoch of a longer training: what a network shows then says
    little about its end.

    >>> [first_rung(epochs) for epochs in (1, 5, 10, 27, 300)]
    [1, 2, 4, 3, 12]
    """
    rung = epochs
    for _ in range(3):
        if rung >= 5:
            rung = math.ceil(rung / 3)
    return rung


def _description(experiment: Experiment, tune: Tune) -> dict[str, str]:
    """All that makes trials comparable: the base settings and the search, but not its length or its room."""
    search = tune.model_dump(mode="json", by_alias=True, exclude=LENGTH_AND_ROOM)
    parameters = {f"tune.parameters.{path}": values for path, values in search.pop("parameters").items()}
    rest = {f"tune.{key}": value for key, value in search.items()}
    if experiment.match is not None:
        rest["match"] = experiment.match.model_dump(mode="json", exclude_none=True)
    return {key: json.dumps(value) for key, value in {**settings(experiment), **rest, **parameters}.items()}


def _same_spec(study: optuna.Study, description: dict[str, str]) -> None:
    known = study.user_attrs.get(SPEC)
    if known is None:
        study.set_user_attr(SPEC, description)
    elif known != description:
        expected = "the spec that the study was started with; changed since:\n" + _changes(known, description)
        hint = "Give the changed search a name of its own: --study NAME"
        raise StudyError(str(Problem(f"study {study.study_name}", f"expected {expected}", hint=hint)))


def _changes(old: dict[str, str], new: dict[str, str]) -> str:
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return "\n".join(f"    {key}: {old.get(key, 'nothing')} → {new.get(key, 'nothing')}" for key in keys)
