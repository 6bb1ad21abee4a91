"""Who proposes: each sampler that a spec can name is the one that is used."""

import math
from statistics import fmean

import optuna
import pytest
from small_study import opened

from dnsearch.errors import DnsearchError, SpecError, StudyError
from dnsearch.search.feasibility import Judgement
from dnsearch.search.samplers import PAUSED, population, sampler

RANGES = {
    "network.growth_rate": {"int": [2, 4]},
    "training.learning_rate": {"float": [0.01, 0.2], "step": 0.05},
}


def proposals(tune, numbers):
    """What the sampler proposes for trials of these numbers, each asked in a study of its own."""
    found = []
    for number in numbers:
        study = optuna.create_study(sampler=sampler(tune, number))
        found.append(study.ask().suggest_float("x", 0, 1))
    return found


@pytest.mark.parametrize("name", ["tpe", "random", "nsga2"])
def test_a_trial_s_random_numbers_depend_on_the_seed_and_its_own_number(tiny, name):
    tune = tiny(sampler=name).experiment.tune
    first = proposals(tune, range(5))
    assert len(set(first)) == 5
    assert first == proposals(tune, range(5))
    assert not set(first) & set(proposals(tiny(sampler=name, seed=1).experiment.tune, range(5)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tpe", "TPESampler"),
        ("random", "RandomSampler"),
        ("grid", "Grid"),
        ("nsga2", "NSGAIISampler"),
        ("qmc", "QMCSampler"),
    ],
)
def test_the_sampler_asked_for_is_the_one_used(new_store, name, expected):
    store = new_store(sampler=name, parameters=RANGES)
    trials = [store.new() for _ in range(3)]
    assert type(store.study.sampler).__name__ == expected
    for trial in trials[1:]:
        assert set(store.choice(trial).values) == set(RANGES)


@pytest.mark.parametrize(("name", "library"), [("cmaes", "cmaes"), ("gp", "torch and scipy")])
def test_a_sampler_without_its_library_names_the_extra(new_store, name, library, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda wanted: None)
    with pytest.raises(DnsearchError) as caught:
        new_store(sampler=name, parameters=RANGES).new()
    assert f"expected {library} to be installed" in str(caught.value)
    assert f"pip install 'dnsearch[{name}]'" in str(caught.value)


CHOICES = {"network.pooling": ["avg", "max"], "network.growth_rate": {"int": [2, 4]}}
ANY_NUMBER = {"training.learning_rate": {"float": [0.01, 0.2]}, "network.growth_rate": {"int": [2, 4]}}
CONDITION = {
    "network.growth_rate": {"int": [2, 4]},
    "training.batch_size": {"int": [32, 64], "when": {"network.growth_rate": 3}},
}
ONE = {"network.growth_rate": {"int": [2, 4]}}


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"sampler": "cmaes", "parameters": CHOICES}, "do choices: network.pooling is no range of numbers"),
        ({"sampler": "qmc", "parameters": CHOICES}, "do choices: network.pooling is no range of numbers"),
        ({"sampler": "grid", "parameters": ANY_NUMBER}, "do any number: training.learning_rate has no step"),
        ({"sampler": "grid", "parameters": CONDITION}, "do conditions: training.batch_size has when"),
        ({"sampler": "gp", "parameters": CONDITION}, "do conditions: training.batch_size has when"),
        ({"sampler": "cmaes", "parameters": ONE}, "do a single parameter"),
        (
            {"sampler": "cmaes", "parameters": RANGES, "objectives": ["validation", "macs"]},
            "do several objectives",
        ),
        ({"objectives": ["macs"], "parameters": ONE}, "validation among them"),
        ({"objectives": ["validation", "macs", "macs"], "parameters": ONE}, "each one once"),
    ],
)
def test_what_a_sampler_cannot_do_is_refused(tiny, search, said):
    with pytest.raises(SpecError) as caught:
        tiny(**search)
    assert said in str(caught.value)


def test_a_grid_that_is_used_up_gives_no_more_trials(new_store):
    store = new_store(sampler="grid", parameters=ONE)
    trials = []
    while (trial := store.new()) is not None:
        trials.append(trial)
        store.choice(trial)
        store.study.tell(trial, 0.5)
    assert sorted(trial.params["network.growth_rate"] for trial in trials) == [2, 3, 4]


def test_tpe_learns_from_trials_that_wait_at_a_rung(new_store):
    """All that were good had a growth rate of 2, and none of them has ended."""
    store = new_store(parameters={"network.growth_rate": {"int": [2, 60]}})
    store.choice(store.new())
    for number in range(30):
        rate = 2 + number % 2 * 50
        store.study.enqueue_trial({"network.growth_rate": rate})
        trial = store.new()
        store.choice(trial)
        trial.report(0.9 if rate == 2 else 0.1, step=2)
        trial.set_user_attr(PAUSED, 2)
    asked = [store.choice(store.new()).values["network.growth_rate"] for _ in range(20)]
    assert sum(rate < 27 for rate in asked) >= 15, asked


def test_trials_of_which_nothing_is_known_yet_do_not_keep_tpe_from_sampling_together(new_store):
    store = new_store(parameters=RANGES)
    store.choice(store.new())
    waiting = store.new()
    store.choice(waiting)
    waiting.set_user_attr(PAUSED, 2)
    store.new()
    assert set(store.choice(store.new()).values) == set(RANGES)


TWO = {
    "network.growth_rate": {"int": [2, 40]},
    "training.learning_rate": {"float": [0.01, 0.2], "log": True},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "library", "mark", "trials", "startup"),
    [("cmaes", "cmaes", "cma:generation", 60, 1), ("gp", "torch", "gp:relative_params:0", 16, 10)],
)
def test_an_extra_sampler_proposes_and_comes_nearer(new_store, name, library, mark, trials, startup):
    pytest.importorskip(library)
    store, away = new_store(sampler=name, parameters=TWO), []
    for _ in range(trials):
        trial = store.new()
        store.choice(trial)
        store.judge(trial, Judgement({"parameters": -0.5}))  # which cmaes would warn of
        growth, rate = (trial.params[path] for path in TWO)
        away.append(abs(growth - 30) / 38 + abs(math.log(rate / 0.03)) / 3)
        store.study.tell(trial, -away[-1])
    proposed = [mark in trial.system_attrs for trial in store.study.trials]
    assert all(proposed[startup:])
    assert fmean(away[-4:]) < 0.5 * fmean(away[1:9]), away


def test_a_generation_of_nsga2_fits_the_trials_that_are_planned(searching):
    runs = searching(sampler="nsga2", parameters=TWO)
    store = opened(runs.request(30))
    for _ in range(12):
        trial = store.new()
        store.choice(trial)
        store.study.tell(trial, 0.5)
    _, *proposed = store.study.trials
    generations = [trial.system_attrs["NSGAIISampler:generation"] for trial in proposed]
    assert generations == [0] * 5 + [1] * 5 + [2]
    assert opened(runs.request(900)).tune.trials == 900, "of a longer search it grows"
    assert population(900) == 30


@pytest.mark.parametrize("name", ["nsga2", "cmaes", "qmc", "gp"])
def test_a_base_spec_outside_its_own_search_is_refused_where_it_would_be_drawn_at_random(searching, name):
    parameters = {**TWO, "network.growth_rate": {"int": [5, 8]}}
    runs = searching(sampler=name, parameters=parameters)
    with pytest.raises(StudyError) as caught:
        opened(runs.request(9))
    assert str(caught.value) == (
        "tune.parameters.network.growth_rate\n"
        f"  expected the spec\x27s own value among those searched, or {name} would only draw it at random, "
        "found 4\n  Widen the parameter, change the spec, or set tune.sampler=tpe."
    )
    assert not runs.folder.exists()
    opened(searching(parameters=parameters).request(9))  # TPE can do it
