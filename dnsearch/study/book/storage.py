"""Opening the Optuna study, and whether it is the same study as before."""

import json

import optuna
from optuna.pruners import NopPruner

from dnsearch.errors import Problem, StudyError
from dnsearch.spec.document import settings
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.tune import Tune
from dnsearch.study.book.database import opening, shown, sqlite_file, storage
from dnsearch.study.book.loading import without_collector
from dnsearch.study.book.turns import exclusive

SPEC = "dnsearch:spec"
OPENING = ".opening"
"""Whose turn it is to open a database; no study has such a name."""
LENGTH_AND_ROOM = {
    *("trials", "confirm", "timeout_seconds", "patience", "target"),
    *("trial_timeout_seconds", "keep", "gpus_per_trial"),
}
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
            directions=["maximize" if aim == "validation" else "minimize" for aim in tune.objectives],
            pruner=NopPruner(),  # who is stopped is decided in the ledger
            load_if_exists=True,
        )
        _same_spec(study, _description(experiment, tune))
        with without_collector():
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
        hint = (
            "Give the changed search a name of its own: --study NAME\n"
            f"  or keep the trials that are also its own: dnsearch study migrate {study.study_name} --to SPEC"
        )
        raise StudyError(str(Problem(f"study {study.study_name}", f"expected {expected}", hint=hint)))


def _changes(old: dict[str, str], new: dict[str, str]) -> str:
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return "\n".join(f"    {key}: {old.get(key, 'nothing')} → {new.get(key, 'nothing')}" for key in keys)
