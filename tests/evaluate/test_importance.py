"""Importances at the first rung: what matters is found, what does not stays within chance."""

import numpy as np
import pytest

from dnsearch.evaluate.importance import effects, importances


def draws(rng, trials):
    return [
        {
            "rate": float(10 ** rng.uniform(-3, 0)),
            "pooling": str(rng.choice(["avg", "max", "stride"])),
            "alpha": float(rng.choice([0, 0.01, 0.1, 0.3])),
            "growth": int(rng.integers(8, 25)),
            "bottleneck": bool(rng.integers(2)),
        }
        for _ in range(trials)
    ]


def score(each, rng):
    return -0.08 * (np.log10(each["rate"]) + 1) ** 2 - 0.05 * (each["pooling"] == "max") + rng.normal(0, 0.01)


@pytest.mark.parametrize("seed", range(3))
def test_what_acts_is_found_and_stands_out(seed):
    rng = np.random.default_rng(seed)
    settings = draws(rng, 60)
    found = importances(settings, [score(each, rng) for each in settings])
    assert list(found)[:2] == ["rate", "pooling"]
    assert all(found[path].share > found[path].chance for path in ("rate", "pooling"))
    assert sum(each.share for each in found.values()) <= 1


def test_settings_without_effect_stand_out_in_few_studies():
    """Of 100 studies of random scores 5 have one; more than 13 have one once in 1,000 times."""
    rng = np.random.default_rng(0)
    studies = [importances(draws(rng, 40), list(rng.normal(size=40))) for _ in range(100)]
    assert sum(any(each.share > each.chance for each in found.values()) for found in studies) <= 13


def test_a_sampler_that_likes_one_value_does_not_make_another_setting_matter():
    """Good rates are drawn together with one alpha, as a sampler does; alpha itself does nothing."""
    rng = np.random.default_rng(0)
    settings = draws(rng, 80)
    for each in settings[30:]:
        each["rate"], each["alpha"] = (
            float(10 ** rng.normal(-1, 0.2)),
            float(rng.choice([0.1, 0.1, 0.1, 0.3])),
        )
    found = importances(settings, [score(each, rng) for each in settings])
    assert found["alpha"].share < found["alpha"].chance < found["pooling"].share


def test_nothing_is_said_of_few_trials_equal_scores_or_more_values_than_trials():
    rng = np.random.default_rng(0)
    assert importances(draws(rng, 29), list(range(29))) == {}
    assert importances(draws(rng, 30), [0.5] * 30) == {}
    assert importances([{"name": str(each), "a": each % 2} for each in range(30)], list(range(30))) == {}


def test_the_scores_scale_makes_no_difference():
    rng = np.random.default_rng(0)
    settings = draws(rng, 40)
    scores = [score(each, rng) for each in settings]
    assert importances(settings, scores) == importances(settings, [np.exp(each) for each in scores])


def test_chance_is_that_of_permuted_scores():
    """The share that 5 % of 4,000 permutations exceed, of five settings without effect together."""
    rng = np.random.default_rng(0)
    settings = draws(rng, 60)
    scores = rng.normal(size=60)
    shares = [importances(settings, list(rng.permutation(scores)))["pooling"] for _ in range(1000)]
    over = np.mean([each.share > each.chance for each in shares])
    assert 0.01 - 3 * np.sqrt(0.01 / 1000) <= over <= 0.01 + 3 * np.sqrt(0.01 / 1000)


def test_settings_that_exist_in_some_trials_alone_are_judged():
    rng = np.random.default_rng(0)
    settings = [
        {"sampler": "a"} if each % 2 else {"sampler": "b", "momentum": each / 60} for each in range(60)
    ]
    scores = [each.get("momentum", 0.5) + rng.normal(0, 0.05) for each in settings]
    found = importances(settings, scores)
    assert found["momentum"].share > found["momentum"].chance


def test_effects_by_value():
    found = effects([True, None, False, True], [0.5, 0.9, 0.25, 1.0])
    assert [(each.low, each.high, each.trials, each.mean, each.best) for each in found] == [
        (False, False, 1, 0.25, 0.25),
        (True, True, 2, 0.75, 1.0),
    ]
    assert found[0].chance == (0.25, 1.0), "any of the three"
    assert effects(["a"] * 3, [0.5, 0.25, 0.75])[0].chance == (0.5, 0.5), "they are all trials"


@pytest.mark.parametrize("trials", [40, 400])
def test_a_value_of_a_setting_without_effect_is_seldom_beyond_chance(trials):
    rng, found = np.random.default_rng(0), []
    for _ in range(100):
        scores = list(rng.beta(5, 0.7, trials))  # many good ones and a long tail
        values = effects([each["growth"] for each in draws(rng, trials)], scores)
        found.append(any(not each.chance[0] <= each.mean <= each.chance[1] for each in values))
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


def test_a_value_with_an_effect_is_beyond_chance():
    rng = np.random.default_rng(0)
    values = [each["pooling"] for each in draws(rng, 60)]
    found = effects(values, [-float(value == "max") for value in values])
    assert [each.mean < each.chance[0] for each in found] == [False, True, False]


def test_many_numbers_are_put_into_four_groups():
    found = effects([float(each) for each in range(1, 9)], [float(each) for each in range(1, 9)])
    assert [(each.low, each.high, each.trials, each.mean, each.best) for each in found] == [
        (1, 2, 2, 1.5, 2),
        (3, 4, 2, 3.5, 4),
        (5, 6, 2, 5.5, 6),
        (7, 8, 2, 7.5, 8),
    ]
    assert sum(each.trials for each in effects([1, 1, 1, 1, 1, 1, 2, 3, 4, 5], list(range(10)))) == 10
    assert effects([None, None], [0.1, 0.2]) == []
