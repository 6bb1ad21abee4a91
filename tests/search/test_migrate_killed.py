"""A migration that is killed with -9 at a random moment: the study is the old or the new one, never half."""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial
from small_study import opened

from dnsearch.search.database import default_url, storage
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import Request
from dnsearch.search.migrate import migrate
from dnsearch.search.parameter_space import distribution
from dnsearch.search.pruning import COSTS
from dnsearch.search.study_metadata import MIGRATED, migrated_name
from dnsearch.search.trial_store import DROPPED
from dnsearch.spec.document import resolved_yaml

pytestmark = [pytest.mark.xdist_group("tune"), pytest.mark.slow]

KILLS = int(os.environ.get("DNSEARCH_KILLS", "6"))
TRIALS = 30
GROWTH, RATE = "network.growth_rate", "training.learning_rate"
NARROW = {GROWTH: {"int": [3, 6]}, RATE: {"float": [0.001, 0.5], "log": True}}


@dataclass(frozen=True)
class Killed:
    """Copies of a study whose migrations were killed, but for the first one's.

    Args:
        places: folder of each copy.
        signals: what ended each migration, or 0.
        shares: how much of a whole migration's time each was given.
        before: what the study was.
        request: for the study in a folder, what it shall be.
    """

    places: list[Path]
    signals: list[int]
    shares: list[float | None]
    before: list[Any]
    request: Any


def content(folder: Path) -> list[Any]:
    """What the trials of the study in a folder are, but for their place in the database.

    A study that is complete but has not taken the old one's place yet is what the next search will find.
    """
    database = storage(default_url(folder))
    try:
        if (made := migrated_name(folder.name)) in optuna.get_all_study_names(database):
            replacement = optuna.load_study(study_name=made, storage=database)
            name = made if MIGRATED in replacement.user_attrs else folder.name
        else:
            name = folder.name
        trials = optuna.load_study(study_name=name, storage=database).trials
        return [(each.number, each.state, each.params, each.values, each.user_attrs) for each in trials]
    finally:
        database.remove_session()
        database.engine.dispose()


def names(folder: Path) -> list[str]:
    return optuna.get_all_study_names(storage(default_url(folder)))


@pytest.fixture(scope="module")
def killed(searching, tiny, tmp_path_factory) -> Killed:
    runs, place = searching(), tmp_path_factory.mktemp("killed")
    store = opened(runs.request(TRIALS))
    spaces = {path: distribution(each) for path, each in store.tune.parameters.items()}
    store.study.add_trials(
        create_trial(
            params={GROWTH: 2 + number % 3, RATE: 0.02 + number / 1000},
            distributions=spaces,
            values=[number / TRIALS],
            user_attrs={COSTS: {"parameters": number}},
        )
        for number in range(TRIALS)
    )
    for number in range(3):
        (runs.folder / f"trial-{number:04d}").mkdir()
    changed = tiny(parameters=NARROW)
    spec = place / "tiny.yaml"
    spec.write_text(resolved_yaml(changed.experiment))
    before = content(runs.folder)
    draw = random.Random()
    shares = [None, *(draw.uniform(0, 1.1) for _ in range(KILLS))]
    program = Path(__file__).with_name("killed_migration.py")
    arguments = [str(runs.folder), str(spec), str(place / "copies"), json.dumps(shares)]
    ran = subprocess.run(
        [sys.executable, str(program), *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr

    def request(folder: Path) -> Request:
        tune = changed.experiment.tune
        return Request(SearchSpec(changed, tune, (8, 8, 1), 10), folder, default_url(folder), TRIALS, 1)

    places = [place / "copies" / str(number) / runs.folder.name for number in range(len(shares))]
    return Killed(places, [*map(int, ran.stdout.split())], shares, before, request)


def test_the_kills_came_in_the_middle(killed):
    assert killed.signals[0] == 0
    assert set(killed.signals[1:]) <= {0, 9}
    assert 9 in killed.signals, killed.shares


def test_the_study_is_the_old_one_or_the_new_one(killed):
    after = content(killed.places[0])
    assert after != killed.before
    for place, share in zip(killed.places, killed.shares, strict=True):
        assert content(place) in (killed.before, after), share


def test_the_next_migration_makes_up_for_it(killed):
    after = content(killed.places[0])
    dropped = [number for number, *_, attributes in after if DROPPED in attributes]
    assert {0, 3} <= set(dropped)
    for place, share in zip(killed.places, killed.shares, strict=True):
        migrate(killed.request(place), dry_run=False)
        assert content(place) == after, share
        assert names(place) == [place.name], share
        assert (place / ".dropped" / "trial-0000").is_dir(), share
        assert not (place / "trial-0000").exists(), share
        assert (place / "trial-0001").is_dir(), share
