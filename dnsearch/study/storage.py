"""Opening the Optuna study: its database, sampler, pruner, and whether it is the same study as before."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import assert_never

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from sqlalchemy.exc import SQLAlchemyError

from dnsearch.errors import Problem, StudyError
from dnsearch.spec.document import settings
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.tune import Tune

SPEC = "dnsearch:spec"
SQLITE = "sqlite:///"


def default_url(folder: Path) -> str:
    """The database of a study that names none: a file in the study's folder."""
    return f"{SQLITE}{folder / 'study.db'}"


def open_study(url: str, name: str, experiment: Experiment, tune: Tune) -> optuna.Study:
    """Create the study, or open it where it is already.

    Raises:
        StudyError: the storage cannot be reached, or holds a study of another spec under this name.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            storage=_storage(url),
            study_name=name,
            direction="maximize",
            sampler=_sampler(tune),
            pruner=_pruner(tune, experiment.training.epochs),
            load_if_exists=True,
        )
        _same_spec(study, _description(experiment, tune))
    except (SQLAlchemyError, sqlite3.Error, ImportError, OSError) as error:
        hint = "Examples: sqlite:///runs/study.db (a file), postgresql+psycopg://user@host/database"
        problem = Problem(
            f"--storage {url}", "a database that can be opened", str(error).splitlines()[0], hint
        )
        raise StudyError(str(problem)) from None
    return study


def _storage(url: str) -> optuna.storages.RDBStorage:
    if not url.startswith(SQLITE):
        return optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    file = url.removeprefix(SQLITE)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=60)) as connection:
        connection.execute("pragma journal_mode=wal")  # readers do not lock the writer out
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})


def _sampler(tune: Tune) -> BaseSampler:
    match tune.sampler:
        case "tpe":
            return TPESampler(seed=tune.seed)
        case "random":
            return RandomSampler(seed=tune.seed)
        case _:
            assert_never(tune.sampler)


def _pruner(tune: Tune, epochs: int) -> BasePruner:
    """Successive halving keeps a third at each rung: after 1, 3, 9… ninths of the epochs."""
    match tune.pruner:
        case "halving":
            return SuccessiveHalvingPruner(min_resource=max(1, epochs // 9), reduction_factor=3)
        case "median":
            return MedianPruner(n_startup_trials=4, n_warmup_steps=1)
        case "none":
            return NopPruner()
        case _:
            assert_never(tune.pruner)


def _description(experiment: Experiment, tune: Tune) -> dict[str, str]:
    """All that makes trials comparable: the base settings and the search, but not how long it goes on."""
    search = tune.model_dump(mode="json", by_alias=True, exclude={"trials", "trial_timeout_seconds"})
    parameters = {f"tune.parameters.{path}": values for path, values in search.pop("parameters").items()}
    rest = {f"tune.{key}": value for key, value in search.items()}
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
