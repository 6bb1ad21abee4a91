"""What a study records about itself: its spec, and whether a spec is still the one it was started with."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import optuna
from optuna.pruners import NopPruner
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from dnsearch.errors import Problem, StudyError
from dnsearch.search.database import DAMAGE, OPENING_TROUBLE, existing_storage, reachable, shown, sqlite_file
from dnsearch.search.feasibility import SearchSpec
from dnsearch.spec.document import parse, resolved_yaml, settings
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.tune import Tune
from dnsearch.spec.validation_errors import nearest

SPEC = "dnsearch:spec"
METADATA = "dnsearch:document"
MIGRATED = "dnsearch:migrated"  # of a study that is complete and shall replace the one of its name
LENGTH_AND_ROOM = {
    *("trials", "confirm", "timeout_seconds", "patience", "target"),
    *("trial_timeout_seconds", "keep", "gpus_per_trial"),
}
"""Fields of ``tune`` that do not change a trial: how long a search goes on and what it takes up."""


def open_study(
    opened: BaseStorage, name: str, experiment: Experiment, tune: Tune, found: optuna.Study | None = None
) -> optuna.Study:
    """Create the study, or take the one that was ``found``, unless it is another spec's."""
    study = found or optuna.create_study(
        storage=opened, study_name=name, directions=directions(tune), pruner=NopPruner()
    )
    _same_spec(study, _description(experiment, tune))
    return study


def directions(tune: Tune) -> list[StudyDirection]:
    """Whether more or less of each objective is better."""
    up, down = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    return [up if aim == "validation" else down for aim in tune.objectives]


def existing_study(url: str, name: str) -> optuna.Study:
    """Open a study to look at; nothing is created, a StudyError is raised, where there is none."""
    with reachable(url, OPENING_TROUBLE):
        opened = existing_storage(url)
        study = study_in(opened, name)
        there = [] if opened is None else optuna.get_all_study_names(opened)
    if study is not None:
        return study
    file = sqlite_file(url)
    missing = file is not None and not file.is_file()
    found = ", ".join(there) or ("no such file" if missing else "no study")
    beside = sorted(each.parent.name for each in file.parent.parent.glob("*/study.db")) if file else []
    guess = nearest(name, (*there, *beside))
    hint = f"Did you mean {guess}?" if guess else "Studies are made by: dnsearch tune SPEC --study NAME"
    raise StudyError(str(Problem(f"study {name}", f"a study in {shown(url)}", found, hint)))


def is_known(url: str, name: str) -> bool:
    """Whether a database has a study, or one that a migration is about to put in its place."""
    with reachable(url, OPENING_TROUBLE):
        opened = existing_storage(url)
        there = [] if opened is None else optuna.get_all_study_names(opened)
    return not {name, migrated_name(name)}.isdisjoint(there)


def study_in(opened: BaseStorage | None, name: str) -> optuna.Study | None:
    """A study in a storage, or None where there is none."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if opened is None or name not in optuna.get_all_study_names(opened):
        return None
    return optuna.load_study(study_name=name, storage=opened, pruner=NopPruner())  # pruning.py decides


def migrated_name(name: str) -> str:
    """The name of a study that is made to replace another one; no person can give such a name."""
    return f"{name}~migrated"


def finish_migration(opened: BaseStorage | None, name: str) -> None:
    """Let a study that a migration has completed take its place; the caller holds the study's lock."""
    replacement = migrated_name(name)
    if opened is None or (made := study_in(opened, replacement)) is None:
        return
    if MIGRATED in made.user_attrs:
        with suppress(KeyError):
            optuna.delete_study(study_name=name, storage=opened)
        optuna.copy_study(
            from_study_name=replacement, from_storage=opened, to_storage=opened, to_study_name=name
        )
    optuna.delete_study(study_name=replacement, storage=opened)


def _description(experiment: Experiment, tune: Tune) -> dict[str, str]:
    search = tune.model_dump(mode="json", by_alias=True, exclude=LENGTH_AND_ROOM)
    parameters = {f"tune.parameters.{path}": values for path, values in search.pop("parameters").items()}
    rest = {f"tune.{key}": value for key, value in search.items()}
    if experiment.match is not None:
        rest["match"] = experiment.match.model_dump(mode="json", exclude_none=True)
    return {key: json.dumps(value) for key, value in {**settings(experiment), **rest, **parameters}.items()}


def _same_spec(study: optuna.Study, new: dict[str, str]) -> None:
    old = study.user_attrs.get(SPEC)
    if old is None:
        study.set_user_attr(SPEC, new)
    elif old != new:
        keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        changes = [f"    {key}: {old.get(key, 'not set')} → {new.get(key, 'not set')}" for key in keys]
        expected = "\n".join(["the spec that the study was started with; changed since:", *changes])
        hint = (
            "Give the changed search a name of its own: --study NAME\n"
            f"  or keep the trials that fit it: dnsearch study migrate {study.study_name} --to SPEC"
        )
        raise StudyError(str(Problem(f"study {study.study_name}", f"expected {expected}", hint=hint)))


def setting(study: optuna.Study, path: str, otherwise: Any) -> Any:  # noqa: ANN401  (whatever a spec holds)
    """A value of the spec that a study was started with."""
    known = study.user_attrs.get(SPEC, {})
    return json.loads(known[path]) if path in known else otherwise


def write_metadata(study: optuna.Study, spec: SearchSpec, trials: int) -> None:
    """Record what a study is about and how many trials it shall have, unless it says so already."""
    written = {
        "written": spec.document.text,
        "resolved": resolved_yaml(spec.document.experiment),
        "image_shape": list(spec.image_shape),
        "classes": spec.classes,
        "trials": trials,
        "limits": spec.limits,
    }
    if study.user_attrs.get(METADATA) != written:
        study.set_user_attr(METADATA, written)


def read_metadata(study: optuna.Study, url: str) -> SearchSpec:
    """What a study is about; a StudyError where dnsearch has not made it."""
    with reachable(url, DAMAGE):
        if (written := study.user_attrs.get(METADATA)) is not None:
            # The resolved spec needs no other file; what the written one extends may be missing here.
            document = parse(written["resolved"].encode(), f"study {study.study_name}")
            if (tune := document.experiment.tune) is not None:
                shape, document = tuple(written["image_shape"]), replace(document, text=written["written"])
                return SearchSpec(document, tune, shape, written["classes"], written["limits"])
    expected = "a study made by dnsearch, with its spec inside"
    hint = "Make it with: dnsearch tune SPEC --storage URL"
    raise StudyError(str(Problem(f"study {study.study_name}", expected, "one without", hint)))
