"""Quick reading of the database sees what Optuna's own sees."""

import math
from datetime import datetime

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial

from dnsearch.study.book.loading import QuickStorage

DISTRIBUTIONS = {
    "b": CategoricalDistribution(["avg", None, 3, True]),
    "a": FloatDistribution(1e-4, 1.0, log=True),
    "c": IntDistribution(2, 8, step=2),
}
PARAMS = {"b": None, "a": 0.01, "c": 4}


@pytest.fixture
def url(tmp_path):
    """Two studies with trials of every kind in one database."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    for name, directions in (("one", ["maximize"]), ("two", ["maximize", "minimize"])):
        study = optuna.create_study(storage=url, study_name=name, directions=directions)
        for value in (0.5, math.inf, -math.inf):
            values = [value, 7.0][: len(directions)]
            facts = {"user_attrs": {"dnsearch:reason": "θ", "n": [1, {"x": None}]}, "system_attrs": {"s": 1}}
            steps = {3: 0.1, 1: math.nan, 2: math.inf}
            study.add_trial(
                create_trial(
                    values=values,
                    params=PARAMS,
                    distributions=DISTRIBUTIONS,
                    intermediate_values=steps if len(directions) == 1 else {},
                    **facts,
                )
            )
        study.add_trial(create_trial(state=TrialState.FAIL))
        study.add_trial(create_trial(state=TrialState.PRUNED, params=PARAMS, distributions=DISTRIBUTIONS))
        study.enqueue_trial({"a": 0.5})
        study.ask(DISTRIBUTIONS)
        study.ask()
    return url


def shown(trials):
    """NaN is not equal to itself; as text it is. The order within a trial counts, too."""
    return [repr((trial, trial._trial_id, list(trial.params), list(trial.distributions))) for trial in trials]


@pytest.mark.parametrize("name", ["one", "two"])
def test_it_sees_what_optuna_sees(url, name):
    quick, own = QuickStorage(url), RDBStorage(url)
    study = own.get_study_id_from_name(name)
    found = quick._get_trials(study, None, set(), -1)
    assert shown(found) == shown(own._get_trials(study, None, set(), -1))
    assert len(found) == 7
    assert isinstance(found[0].datetime_start, datetime)


@pytest.mark.parametrize(("included", "greater", "numbers"), [({1, 3}, 4, [0, 2, 4, 5, 6]), (set(), 6, [6])])
def test_a_part_of_them(url, included, greater, numbers):
    quick, own = QuickStorage(url), RDBStorage(url)
    study = own.get_study_id_from_name("one")
    found = quick._get_trials(study, None, included, greater)
    assert shown(found) == shown(own._get_trials(study, None, included, greater))
    assert [trial.number for trial in found] == numbers


def test_later_looks_are_for_what_is_new(url):
    study = optuna.load_study(storage=QuickStorage(url), study_name="one")
    before = study.trials
    study.tell(6, 0.75)
    study.add_trial(create_trial(value=0.25))
    after = study.trials
    assert [len(before), len(after)] == [7, 8]
    assert (after[6].value, after[7].value) == (0.75, 0.25)
    plain = optuna.load_study(storage=RDBStorage(url), study_name="one")
    assert shown(after) == shown(plain.trials)


def test_an_empty_study(url):
    optuna.create_study(storage=url, study_name="empty")
    assert optuna.load_study(storage=QuickStorage(url), study_name="empty").trials == []
