"""A search space, measured without training anything."""

import math
from collections import Counter
from itertools import islice
from random import Random

import optuna
import pytest
from measure_spaces import ARTICLE

from dnsearch.search import feasibility
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.parameter_space import suggested
from dnsearch.search.survey import TRIES, _remembered, evenly, survey
from dnsearch.spec.document import load, parse
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.search_space import chosen, points
from dnsearch.spec.yaml import written

SPACE = {
    "w": {"choices": {"dense": "dense", "sparse": {"name": "strided", "stride": 2}}},
    "w.stride": {"int": [2, 5], "when": {"w": "sparse"}},
    "n": {"int": [4, 15], "step": 4},
    "k": {"int": [1, 30], "log": True},
    "x": {"float": [0.1, 1.0], "step": 0.4},
    "rate": {"float": [0.001, 0.1], "log": True},
    "alpha": {"float": [0.0, 0.3], "when": {"any": [{"n": {"at_least": 8}}, {"w": "dense"}]}},
}


def judge(document, **changes):
    return SearchSpec(document, document.experiment.tune, (8, 8, 1), 10, **changes)


def test_both_ways_through_the_space_draw_alike():
    tune = Tune.model_validate({"parameters": SPACE}, strict=False)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    draw, times = evenly(Random(1)), 4000
    ours = [chosen(tune, draw).labels for _ in range(times)]
    theirs = [suggested(study.ask(), tune).labels for _ in range(times)]
    for path in SPACE:
        here, there = ([drawn[path] for drawn in all_ if path in drawn] for all_ in (ours, theirs))
        assert abs(len(here) - len(there)) <= 4 * math.sqrt(times), path
        if path in {"rate", "alpha"}:
            here, there = sorted(here), sorted(there)
            gap = max(
                abs(sum(each <= point for each in here) / len(here) - rank / len(there))
                for rank, point in enumerate(there[::40], 0)
                for rank in [40 * rank + 1]
            )
            assert gap < 1.95 * math.sqrt(2 / min(len(here), len(there))), (
                path
            )  # Kolmogorov and Smirnov, 0.1 %
        else:
            counted = Counter(here), Counter(there)
            assert set(counted[0]) == set(counted[1]), path
            for value in counted[0]:
                ours_, theirs_ = (
                    each[value] / len(drawn) for each, drawn in zip(counted, (here, there), strict=True)
                )
                assert abs(ours_ - theirs_) < 0.05, (path, value)


def test_points_are_the_same_whether_drawn_alone_or_in_a_row():
    tune = Tune.model_validate({"parameters": SPACE}, strict=False)
    alone, in_a_row = evenly(Random(2)), points(tune, evenly(Random(2)))
    assert [chosen(tune, alone) for _ in range(50)] == list(islice(in_a_row, 50))


def test_what_is_refused_is_counted_by_who_refuses(tiny):
    layers = {f"network.layers_per_block.{block}": {"int": [1, 3]} for block in range(2)}
    document = tiny(
        parameters=layers,
        relations=[{"non_decreasing": "network.layers_per_block"}],
        constraints={"parameters": 3000, "macs": 10**9},
    )
    found = survey(judge(document), 2000, seed=0, seconds=60)
    assert found.extent.configurations == 9
    assert (found.samples, found.never, found.idle) == (2000, (), ())
    falling = found.refused["non_decreasing network.layers_per_block"]
    assert falling / 2000 == pytest.approx(3 / 9, abs=0.05)
    assert found.refused["macs"] == found.refused["spec"] == 0
    assert found.feasible == 2000 - falling - found.refused["parameters"]
    assert len(found.costs["parameters"]) == 2000 - falling
    assert found.refused["parameters"] == sum(cost > 3000 for cost in found.costs["parameters"]) > 0


def test_parameters_that_do_nothing_are_named(tiny):
    parameters = {
        "network.connectivity": [{"name": "random", "probability": 1.0}],
        "network.connectivity.seed": {"int": [0, 9]},
        "network.pooling": ["avg", "max"],
        "training.optimizer": ["sgd", "adam"],
    }
    document = tiny(parameters=parameters)
    found = survey(judge(document), 100, seed=0, seconds=60)
    assert set(found.idle) == {"network.connectivity", "network.connectivity.seed"}


def test_values_that_cannot_be_built_are_counted_too(tiny):
    document = tiny(parameters={"network.activation": ["relu", "leaky_relu"]})
    found = survey(judge(document), 400, seed=0, seconds=60)
    assert found.refused == {"spec": 400 - found.feasible}
    assert found.feasible / 400 == pytest.approx(0.5, abs=0.1)


def test_what_is_left_out_of_a_kind_of_network_makes_no_difference():
    document = load("speculations")
    exact, draw = judge(document), evenly(Random(3))
    remembered = _remembered(exact)
    for _ in range(150):
        choice = chosen(exact.tune, draw)
        alone = exact.judge(choice.values, "sample")
        reasons, costs = remembered(choice)
        assert reasons == alone.reasons
        if alone.planned is not None:
            assert costs["macs"] == alone.planned.summary.cost.macs
            assert costs["training_memory_bytes"] == alone.planned.summary.training_memory_bytes


@pytest.mark.parametrize("figure", ["parameters", "macs"])
def test_with_match_every_network_costs_the_same(tiny, figure):
    layers = {f"network.layers_per_block.{block}": {"int": [1, 3]} for block in range(2)}
    parameters = {**layers, "network.growth_rate": [[8, 8], [8, 16]]}
    document = tiny(parameters=parameters)
    target = {"parameters": 20_000, "macs": 400_000}[figure]
    document = load_with_match(document, figure, target)
    found = survey(judge(document), 30, seed=0, seconds=60)
    assert found.feasible > 10
    assert found.refused["spec"] == 30 - found.feasible, "no growth rate comes close enough to the others"
    assert all(abs(cost / target - 1) <= 0.02 for cost in found.costs[figure])


def load_with_match(document, figure, target):
    values = document.experiment.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return parse(written({**values, "match": {figure: target}}).encode(), "tiny.yaml")


def test_time_is_kept_to(tiny):
    found = survey(judge(tiny()), 1_000_000, seed=0, seconds=0.0)
    assert found.samples == 1


def test_a_space_in_which_no_two_networks_are_alike_validates_and_plans_each_once(monkeypatch):
    document = parse(ARTICLE.encode(), "article_space.yaml")
    own = SearchSpec(document, document.experiment.tune, (32, 32, 3), 10)
    real, planned = feasibility.planned, []

    def counting(*arguments, **options):
        planned.append(arguments)
        return real(*arguments, **options)

    monkeypatch.setattr(feasibility, "planned", counting)
    found = survey(own, 300, seed=0, seconds=600)
    assert (found.samples, found.feasible, found.idle) == (300, 300, ())
    assert 270 < len(set(found.costs["macs"])) <= len(planned)
    assert len(planned) <= 300 + 2 * TRIES * len(own.tune.parameters)
