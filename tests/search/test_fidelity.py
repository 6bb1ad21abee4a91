"""What a search's fidelity makes of its trials, and searches of each that train."""

import math
from dataclasses import replace

import pytest
from small_study import opened

from dnsearch.errors import SpecError, StudyError
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import TrialPaused
from dnsearch.search.migrate import migrate
from dnsearch.search.proposal import by_examples, by_image_size, propose, staged
from dnsearch.search.pruning import rungs
from dnsearch.search.transfer import enqueue
from dnsearch.search.trial_store import is_base
from dnsearch.spec.document import load, parse, resolved_yaml
from dnsearch.spec.network import example
from dnsearch.spec.training import Stage

pytestmark = pytest.mark.xdist_group("tune")

IMAGES = (8, 8, 1), 10
LONG = {"training.epochs": 5}


def made(tiny, fidelity, epochs=5, pruner="halving"):
    document = tiny({"training.epochs": epochs}, fidelity=fidelity, pruner=pruner)
    return staged(document, document.experiment.tune, *IMAGES).experiment


@pytest.mark.parametrize("epochs", [1, 4, 5, 9, 27, 81, 300])
def test_a_share_of_the_examples_up_to_each_rung(epochs):
    stages = by_examples(epochs)
    assert [stage.epochs for stage in stages] == list(rungs(epochs))
    for stage in stages:
        assert stage.examples == pytest.approx(math.sqrt(stage.epochs / epochs), abs=1e-4)
        assert stage.image_size is None


def test_that_share_of_the_area_to_whole_pixels():
    network = example(layers_per_block=(2, 2))
    assert by_image_size(5, network, (8, 8, 1), 10) == (Stage(epochs=2, image_size=(6, 6)),)
    assert by_image_size(9, network, (28, 20, 1), 10) == (Stage(epochs=3, image_size=(21, 15)),)
    assert by_image_size(4, network, (28, 20, 1), 10) == ()


def test_never_less_than_the_network_can_be_built_for():
    """Three poolings need 8 pixels to each side, four need 16."""
    sizes = {
        blocks: by_image_size(300, example(layers_per_block=(1,) * blocks), (17, 19, 3), 10)
        for blocks in (1, 4, 5)
    }
    assert [stage.image_size for stage in sizes[1]] == [(8, 8), (10, 11), (13, 15)]
    assert [stage.image_size for stage in sizes[4]] == [(8, 8), (10, 11), (13, 15)]
    assert [stage.image_size for stage in sizes[5]] == [(16, 16), (16, 17), (16, 18)]
    assert by_image_size(300, example(layers_per_block=(1,) * 5), (16, 16, 3), 10) == ()


def test_epochs_are_the_default_and_change_nothing(tiny):
    document = tiny(LONG, pruner="halving")
    assert document.experiment.tune.fidelity == "epochs"
    assert staged(document, document.experiment.tune, *IMAGES) is document


@pytest.mark.parametrize("pruner", ["halving", "hyperband"])
def test_the_stages_are_in_the_trial_s_own_spec(tiny, pruner):
    assert made(tiny, "examples", pruner=pruner).training.progressive == by_examples(5)
    small = made(tiny, "image_size", pruner=pruner)
    assert small.training.progressive == (Stage(epochs=2, image_size=(6, 6)),)


def test_too_few_epochs_have_no_rung_and_no_stage(tiny):
    assert made(tiny, "examples", epochs=4).training.progressive == ()


def test_each_trial_goes_by_its_own_epochs(new_store, tmp_path):
    store = new_store(
        LONG, pruner="halving", fidelity="examples", parameters={"training.epochs": {"int": [5, 9]}}
    )
    store.enqueue(())
    store.study.enqueue_trial({"training.epochs": 9})
    judge = SearchSpec(store.document, store.tune, *IMAGES)
    base, other = (propose(store, store.new(), tmp_path, judge) for _ in range(2))
    assert is_base(base.trial)
    assert base.planned.experiment.training.progressive == by_examples(5)
    assert other.planned.experiment.training.progressive == by_examples(9)
    assert base.record.settings["training.progressive"] == [
        {"epochs": 2, "examples": 0.6325, "image_size": None}
    ]


def test_the_base_trial_s_spec_still_says_how_it_is_searched(new_store, tmp_path):
    """``clean`` reads there how many trials keep their weights."""
    store = new_store(LONG, pruner="halving", fidelity="examples", keep=7)
    base = propose(store, store.new(), tmp_path, SearchSpec(store.document, store.tune, *IMAGES))
    assert base.planned.experiment.tune.keep == 7
    assert base.planned.experiment.tune.fidelity == "epochs", "its stages are filled in"


@pytest.mark.parametrize("pruner", ["halving", "hyperband"])
def test_equal_settings_are_copies_in_every_bracket(new_store, tmp_path, pruner):
    store = new_store(LONG, pruner=pruner, fidelity="examples")
    judge, wanted = SearchSpec(store.document, store.tune, *IMAGES), {"network.growth_rate": 3}
    store.enqueue(())
    for _ in range(4):
        store.study.enqueue_trial({**wanted, "training.learning_rate": 0.05})
    found = [propose(store, store.new(), tmp_path, judge) for _ in range(5)]
    assert [each is None for each in found] == [False, False, True, True, True]


def test_the_best_spec_of_such_a_search_can_be_enqueued_in_the_next(searching):
    runs = searching(LONG, pruner="halving", fidelity="examples")
    best = runs.document.with_values(
        {"network.growth_rate": 3, "training.progressive": [{"epochs": 2, "examples": 0.6325}]}, "best"
    )
    request = runs.request(3)
    store = opened(request)
    enqueue(replace(request, enqueue=(best,)), store)
    base, mine = store.new(), store.new()
    assert is_base(base)
    assert store.choice(mine).values["network.growth_rate"] == 3


def test_but_not_where_the_search_has_no_stages(searching):
    runs = searching(LONG, pruner="halving")
    best = runs.document.with_values({"training.progressive": [{"epochs": 2, "examples": 0.5}]}, "best")
    request = runs.request(3)
    store = opened(request)
    with pytest.raises(StudyError, match=r"training\.progressive\n  expected \[\], as in the study's spec"):
        enqueue(replace(request, enqueue=(best,)), store)


def test_another_fidelity_is_another_study(searching, tiny):
    runs = searching(LONG, pruner="halving")
    opened(runs.request(3))
    changed = type(runs)(runs.folder, tiny(LONG, pruner="halving", fidelity="examples"))
    with pytest.raises(StudyError, match=r'tune\.fidelity: "epochs" → "examples"'):
        opened(changed.request(3))
    with pytest.raises(StudyError) as caught:
        migrate(changed.request(3), dry_run=True)
    assert str(caught.value) == (
        "tune.fidelity\n"
        "  expected epochs, as in the study, found examples\n"
        "  No trial's value would mean the same: give the changed search a name of its own."
    )


@pytest.fixture(scope="module", params=["examples", pytest.param("image_size", marks=pytest.mark.slow)])
def searched(request, searching):
    """Seven trials of 5 epochs with a rung after 2, and the fidelity that they have."""
    runs = searching(LONG, pruner="halving", fidelity=request.param)
    return runs, runs.run(7, workers=2), request.param


def test_trials_wait_and_go_on(searched):
    runs, events, _ = searched
    paused = [event.record for event in events if isinstance(event, TrialPaused)]
    assert paused
    assert {record.epochs for record in paused} == {2}
    records = runs.records()
    assert {(record.state, record.epochs) for record in records} == {("finished", 5), ("pruned", 2)}
    for number in range(7):
        told = [epoch.epoch for epoch in runs.trial(number).epochs()]
        assert told == list(range(1, records[number].epochs + 1)), "no epoch is trained twice"


def test_early_epochs_see_what_the_fidelity_leaves_them(searched):
    runs, _, fidelity = searched
    early = {"examples": 126, "image_size": 200}[fidelity]
    for record, number in zip(runs.records(), range(7), strict=True):
        examples = [epoch.training.examples for epoch in runs.trial(number).epochs()]
        assert examples == [early, early, 200, 200, 200][: record.epochs]


@pytest.mark.slow
def test_the_best_spec_trains_as_its_trial_did(searched):
    runs, *_ = searched
    best = load(str(runs.folder / "best.yaml")).experiment
    record = max(
        (record for record in runs.records() if record.state == "finished"),
        key=lambda record: (record.last.accuracy, -record.parameters.trainable),
    )
    assert best.tune is None
    written = [stage.model_dump(mode="json") for stage in best.training.progressive]
    assert written == record.settings["training.progressive"]
    assert len(written) == 1


def test_a_spec_with_both_is_refused_before_a_study_is_made(tiny):
    text = resolved_yaml(tiny(LONG, pruner="halving", fidelity="examples").experiment)
    both = text.replace("progressive: []", "progressive: [{epochs: 1, examples: 0.5}]")
    assert both != text
    with pytest.raises(SpecError, match="which the search would fill in itself"):
        parse(both.encode(), "both.yaml")
