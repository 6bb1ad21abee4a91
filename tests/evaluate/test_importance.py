"""Importances at the first rung: what matters is found, what does not stays within chance."""

import numpy as np
import pytest

from dnsearch.evaluate.importance import Effect, effects, importances


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


def test_equal_seeds_give_equal_importances_whatever_the_scores_scale():
    rng = np.random.default_rng(0)
    settings = draws(rng, 40)
    scores = [score(each, rng) for each in settings]
    assert importances(settings, scores, 1) == importances(settings, [np.exp(each) for each in scores], 1)
    assert importances(settings, scores, 1) != importances(settings, scores, 2)


def test_settings_that_exist_in_some_trials_alone_are_judged():
    rng = np.random.default_rng(0)
    settings = [
        {"sampler": "a"} if each % 2 else {"sampler": "b", "momentum": each / 60} for each in range(60)
    ]
    scores = [each.get("momentum", 0.5) + rng.normal(0, 0.05) for each in settings]
    found = importances(settings, scores)
    assert found["momentum"].share > found["momentum"].chance


def test_effects_by_value():
    assert effects([True, None, False, True], [0.5, 0.9, 0.25, 1.0]) == [
        Effect(False, False, 1, 0.25, 0.25),
        Effect(True, True, 2, 0.75, 1.0),
    ]


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
