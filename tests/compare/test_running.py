"""The story of a comparison, its trainings made up: phases, the frozen plan, going on after anything."""

import json
from dataclasses import asdict
from zlib import crc32

import numpy as np
import pytest
from made_up_executor import MadeUp

from dnsearch.compare.design import designed
from dnsearch.compare.result import result
from dnsearch.compare.running import Comparison, Decided, Finished, Progressed
from dnsearch.errors import RunError, TrainingError
from dnsearch.front_door import planned_spec

ARMS = {"avg": {"network.pooling": "avg"}, "max": {"network.pooling": "max"}}


def design(**more):
    return designed(planned_spec({"extends": "starter", "name": "tried", "compare": {"arms": ARMS, **more}}))


def scoring(gap=0.02, noise=0.004):
    """What a pair's seed gives both arms, and each one's own luck; max is worse by the gap."""

    def score(experiment):
        pooling, seed = experiment.network.pooling, experiment.training.seed
        luck = np.random.default_rng([seed, crc32(pooling.encode())]).normal()
        return round(0.9 + 0.01 * (seed % 5) - gap * (pooling == "max") + noise * luck, 3)

    return score


def compared(folder, score=None, interrupts=lambda: 0, **more):
    """The comparison's events, its result (None: it was stopped), and what was trained for it."""
    executor, found = MadeUp(score or scoring()), design(**more)
    events = [*Comparison(found, folder, 2, executor).go(interrupts)]
    return events, (result(found, folder) if Finished() in events else None), executor.trained


def test_a_given_number_of_pairs(tmp_path):
    _, found, trained = compared(tmp_path, pairs=8)
    assert len(trained) == 16
    assert trained[:4] == [
        "pairs/pair-001-avg",
        "pairs/pair-001-max",
        "pairs/pair-002-max",
        "pairs/pair-002-avg",
    ]
    (contrast,) = found.contrasts
    assert (contrast.verdict, contrast.pairs, found.pairs) == ("worse", 8, 8)
    assert contrast.difference.low < -2 < contrast.difference.high
    assert found.sentences[0].startswith("max is worse than avg by ")
    assert found.sentences[0].endswith("8 pairs) at equal multiply-adds")


def test_the_pilot_finds_the_number_of_pairs_and_has_no_part_in_the_verdict(tmp_path):
    events, found, trained = compared(tmp_path, margin=0.5)
    plan = json.loads((tmp_path / "plan.json").read_text())["plan"]
    pilot, pairs = ([each for each in trained if each.startswith(phase)] for phase in ("pilot", "pairs"))
    assert len(pilot) == 8
    assert len(pairs) == 2 * plan["pairs"] == 2 * found.pairs
    assert trained == pilot + pairs
    assert 6 < plan["pairs"] <= 24
    assert 0.3 < plan["deviations"]["max"] < 0.9
    assert found.contrasts[0].pairs == plan["pairs"]
    assert Decided(f"plan.json: {plan['pairs']} pairs of 2 runs") in events


def test_a_cap_says_what_could_be_seen(tmp_path):
    events, _, _ = compared(tmp_path, margin=0.05, pairs={"at_most": 6})
    told = [event.text for event in events if isinstance(event, Decided)]
    assert told[0].startswith("6 pairs are too few for 0.05 points; they would find ")


def test_nothing_is_told_of_the_differences_before_the_end(tmp_path):
    events, found, _ = compared(tmp_path, pairs=6)
    assert {type(event) for event in events} == {Progressed, Decided, Finished}
    last = [event for event in events if isinstance(event, Progressed)][-1]
    assert (last.phase, last.done, last.runs, last.seconds) == ("pairs", 12, 12, 0.0)
    assert found is not None


def test_a_comparison_that_is_stopped_goes_on_to_the_same_result(tmp_path):
    count = iter([0] * 12 + [2] * 9)
    _, stopped, first = compared(tmp_path / "here", interrupts=lambda: next(count), pairs=8)
    assert stopped is None
    assert 0 < len(first) < 16
    _, found, rest = compared(tmp_path / "here", pairs=8)
    assert set(first) | set(rest) == set(compared(tmp_path / "there", pairs=8)[2])
    there = compared(tmp_path / "there", pairs=8)[1]
    assert {**asdict(found), "folder": "", "name": ""} == {**asdict(there), "folder": "", "name": ""}
    assert compared(tmp_path / "here", pairs=8)[2] == [], "all of it is there"


def test_ctrl_c_once_lets_the_runs_at_work_end(tmp_path):
    count = iter([0] * 7 + [1] * 9)
    events, stopped, first = compared(tmp_path, interrupts=lambda: next(count), pairs=8)
    done = [event for event in events if isinstance(event, Progressed)][-1].done
    assert stopped is None
    assert done == len(first)


def test_a_plan_that_was_changed_is_refused(tmp_path):
    compared(tmp_path, pairs=6)
    path = tmp_path / "plan.json"
    content = json.loads(path.read_text())
    content["plan"]["pairs"] = 7
    path.write_text(json.dumps(content))
    with pytest.raises(RunError) as caught:
        compared(tmp_path, pairs=6)
    assert str(caught.value) == (
        f"{path}\n  expected the plan as it was frozen, found a plan that was changed after it was frozen\n"
        "  What was compared has changed, so it is another comparison: --name NAME"
    )


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"plan": {}}', '{"plan": {"pairs": 6}, "hash": ""}'])
def test_a_damaged_plan_is_refused(tmp_path, content):
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(RunError, match="expected the plan as it was frozen"):
        compared(tmp_path, pairs=6)


def test_another_comparison_in_the_same_place_is_refused(tmp_path):
    compared(tmp_path, pairs=6)
    with pytest.raises(RunError, match="expected the plan of this comparison, with design"):
        compared(tmp_path, pairs=6, margin=0.4)


RETUNE = {"retune": {"training.learning_rate": {"float": [0.1, 0.4], "log": True}, "trials": 3, "seeds": 2}}


def peaked(**best):
    """Scores with the best rate of each pooling."""

    def score(experiment):
        training, pooling = experiment.training, experiment.network.pooling
        return round(0.9 - 0.05 * abs(np.log2(training.learning_rate / best[pooling])), 4)

    return score


def test_each_arm_has_its_best_rate(tmp_path):
    events, found, trained = compared(tmp_path, peaked(avg=0.2, max=0.2), pairs=6, **RETUNE)
    assert len([each for each in trained if each.startswith("retune")]) == 3 * 2 * 2
    assert [arm.learning_rate for arm in found.arms] == [0.2, 0.2]
    assert Decided("learning rates, the best of 3 from 0.1 to 0.4: avg 0.2, max 0.2") in events


def test_a_best_rate_at_the_end_makes_the_range_longer_for_all(tmp_path):
    _, found, trained = compared(tmp_path, peaked(avg=0.2, max=0.05), pairs=6, **RETUNE)
    assert [arm.learning_rate for arm in found.arms] == [0.2, 0.05]
    assert found.plan.tried["max"] == {"0.025": 85.0, "0.05": 90.0, "0.1": 85.0, "0.2": 80.0, "0.4": 75.0}
    tried = {each.rpartition("-seed")[0] for each in trained if each.startswith("retune")}
    assert tried == {
        f"retune/{arm}-rate-{rate}" for arm in ARMS for rate in ("0.025", "0.05", "0.1", "0.2", "0.4")
    }


def test_a_rate_that_fails_is_no_good_rate(tmp_path):
    def score(experiment):
        rate = experiment.training.learning_rate
        return None if rate > 0.3 else 0.8 + rate

    _, found, _ = compared(tmp_path, score, pairs=6, **RETUNE)
    assert [arm.learning_rate for arm in found.arms] == [0.2, 0.2]


def test_a_pair_that_fails_ends_the_comparison(tmp_path):
    def score(experiment):
        return None if experiment.network.pooling == "max" else 0.9

    with pytest.raises(TrainingError) as caught:
        compared(tmp_path, score, pairs=6)
    assert f"{tmp_path}/pairs/pair-001-max\n  the training failed: the loss is nan\n" in str(caught.value)


def test_the_test_images_may_disagree(tmp_path):
    _, found, _ = compared(tmp_path, pairs=6)
    assert found.test["max"].value == pytest.approx(found.contrasts[0].difference.value), "made up alike"
    assert len(found.sentences) == 1


@pytest.mark.statistics
def test_equal_arms_are_rarely_found_to_differ(tmp_path):
    """The whole command on 200 comparisons without a difference: pilot, plan, pairs, verdict."""
    found = [compared(tmp_path / f"{seed}", shifted(seed), margin=0.3)[1] for seed in range(200)]
    wrong = [each for each in found if each.contrasts[0].verdict in {"better", "worse"}]
    assert len(wrong) <= 10 + 3 * np.sqrt(200 * 0.05 * 0.95)


def shifted(number):
    def score(experiment):
        pooling, seed = experiment.network.pooling, experiment.training.seed
        return round(0.9 + 0.004 * np.random.default_rng([number, seed, crc32(pooling.encode())]).normal(), 3)

    return score
