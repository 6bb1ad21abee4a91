"""From a spec to arms and paired runs, and what makes no comparison."""

import json

import pytest

from dnsearch.compare.design import designed, further
from dnsearch.errors import SpecError
from dnsearch.front_door import planned_spec


def spec(arms, **more):
    return {"extends": "starter", "name": "tried", "compare": {"arms": arms, **more}}


POOLING = {"avg": {"network.pooling": "avg"}, "max": {"network.pooling": "max"}}
AVG, LONG = {"network.pooling": "avg"}, {"network.layers_per_block": [30, 3]}
RATES = {"slow": {}, "fast": {"training.learning_rate": 0.2}}
RETUNE = {"retune": {"training.learning_rate": {"float": [0.1, 0.2]}}}
SPARSE = {"dense": {}, "log": {"network.connectivity": "log"}}


def design(arms=POOLING, *overrides, **more):
    return designed(planned_spec(spec(arms, **more), overrides))


def refusal(arms=POOLING, *overrides, **more):
    with pytest.raises(SpecError) as caught:
        design(arms, *overrides, **more)
    return [(each.where, f"{each.expected}, found {each.found}", each.hint) for each in caught.value.problems]


def values(run):
    experiment = run.planned.experiment
    return experiment.training.seed, experiment.data.split_seed, experiment.training.learning_rate


def test_a_pair_differs_in_the_arms_values_alone():
    avg, max_, *rest = design().pairs(3, {})
    assert [run.planned.experiment.network.pooling for run in (avg, max_)] == ["avg", "max"]
    assert values(avg) == values(max_)
    assert avg.planned.experiment.training.seed != rest[0].planned.experiment.training.seed
    assert values(avg)[1:] == (0, 0.05), "one split and the spec's rate for all"
    assert [str(run.place) for run in (avg, max_)] == ["pairs/pair-001-avg", "pairs/pair-001-max"]
    assert [run.arm for run in rest] == ["max", "avg", "avg", "max"], "arms take turns"


def test_no_seed_serves_two_phases():
    found = design(**RETUNE)
    runs = [*found.pairs(20, {}), *found.pairs(20, {}, "pilot")]
    assert len({run.planned.experiment.training.seed for run in runs}) == 40


def test_each_pair_has_a_split_of_its_own_where_it_is_asked_for():
    runs = design(POOLING, resplit=True).pairs(3, {})
    assert len({run.planned.experiment.data.split_seed for run in runs}) == 3
    assert runs[0].planned.experiment.data.split_seed == runs[1].planned.experiment.data.split_seed


def test_rates_that_were_chosen():
    runs = design().pairs(1, {"avg": 0.1, "max": 0.2})
    assert [(run.arm, run.rate, values(run)[2]) for run in runs] == [("avg", 0.1, 0.1), ("max", 0.2, 0.2)]


def test_arms_come_to_the_baselines_cost_by_their_growth_rate():
    dense, log = design(SPARSE, "network.layers_per_block=[8, 8]").arms
    assert (growth(dense), growth(log)) == (8, (9, 8)), "no single number comes within 2 %"
    macs = [arm.planned.summary.cost.macs for arm in (dense, log)]
    assert abs(macs[1] / macs[0] - 1) <= 0.02
    assert [growth(arm) for arm in design().arms] == [8, 8], "max costs the same"


def growth(arm):
    return arm.planned.experiment.network.growth_rate


def test_the_baseline_comes_first():
    assert [arm.name for arm in design(POOLING, baseline="max").arms] == ["max", "avg"]
    assert design(POOLING, baseline="max").contrasts == [("avg", "max")]


@pytest.mark.parametrize(
    ("arms", "more", "where", "text"),
    [
        ({"a": {}, "b": AVG}, {}, "arms.b", "another network or training, found that of a"),
        ({"a": {}}, {}, "arms", "a mapping of 2 to 8 entries"),
        ({"a/b": {}, "c": AVG}, {}, "arms.a/b", "a name of at most 40 letters"),
        ({"a": {}, "b": {"training.seed": 1}}, {}, "arms.b.training.seed", "no seed"),
        ({"a": {}, "b": {"data.classes": 1}}, {}, "arms.b.data.classes", "a field of network or training"),
        ({"a": {}, "b": LONG}, {}, "arms.b", "a growth rate that brings macs within 2%"),
        (POOLING, {"margin": 0}, "margin", "above 0, since the pilot plans to find it"),
        (POOLING, {"pairs": 5}, "pairs", "a whole number from 6 to 1000, found 5"),
        (POOLING, {"baseline": "mean"}, "baseline", "one of the arms: avg, max, found mean"),
        (RATES, RETUNE, "retune", "null where an arm has a rate of its own: fast"),
    ],
)
def test_what_makes_no_comparison(arms, more, where, text):
    found = refusal(arms, **more)
    assert [each for each, _, _ in found] == [f"compare.{where}"]
    assert found[0][1].startswith(text)


def test_a_field_that_there_is_not():
    ((where, text, _),) = refusal({"a": {}, "b": {"network.poolin": "max"}})
    assert (where, text) == ("network.poolin", "unknown key; did you mean pooling?, found ")


def test_a_growth_rate_cannot_vary_while_it_is_solved_for():
    ((where, text, hint),) = refusal({"a": {}, "b": {"network.growth_rate": 12}})
    assert (where, text) == ("compare.arms.b", "another network or training, found that of a")
    assert hint == "Set compare.match: none if they differ in the growth rate alone."
    assert len(design({"a": {}, "b": {"network.growth_rate": 12}}, match="none").arms) == 2


def test_a_spec_without_a_comparison():
    with pytest.raises(SpecError, match="a compare section, found none in starter"):
        designed(planned_spec("starter"))


def test_problems_of_arms_point_into_the_spec(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(json.dumps(spec({"a": {}, "b": {"network.pooling": "avg"}}), indent=1))
    with pytest.raises(SpecError) as caught:
        designed(planned_spec(str(path)))
    assert str(caught.value).startswith(f"{path}:7:9  compare.arms.b\n  expected another network or training")


def test_the_hash_knows_what_decides():
    hashes = {design().hash, design(margin=0.4).hash, design(POOLING, "training.epochs=3").hash}
    assert len(hashes) == 3
    assert design().hash == design().hash


def test_further_rates():
    assert further([0.1, 0.2, 0.4], log=True) == (0.05, 0.8)
    assert further([0.1, 0.2, 0.3], log=False) == (None, 0.4)
