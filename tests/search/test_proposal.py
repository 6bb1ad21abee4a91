"""What is known of a trial before it is trained, and when one that used up memory gets a second try."""

import os
from dataclasses import replace

import pytest

from dnsearch.errors import RunError, StudyError
from dnsearch.runs.folder import trial_name
from dnsearch.runs.record import Metrics, opening
from dnsearch.runs.scan import known
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.proposal import Proposal, in_more_parts, propose


def judge(store):
    return SearchSpec(store.document, store.tune, (8, 8, 1), 10)


def proposed(store, folder, **enqueued):
    if enqueued:
        store.study.enqueue_trial({key.replace("__", "."): value for key, value in enqueued.items()})
    folder.mkdir(exist_ok=True)
    return propose(store, store.new(), folder, judge(store))


def test_the_base_spec(new_store, tmp_path):
    found = proposed(new_store(), tmp_path / "runs")
    assert found.folder.path == tmp_path / "runs" / "trial-0000"
    assert found.folder.path.is_dir()
    assert (found.origin.study, found.origin.trial) == ("runs", 0)
    record = found.record
    assert (record.name, record.study, record.trial, record.state) == ("trial-0000", "runs", 0, "running")
    assert record.parameters is not None
    assert record.parameters.trainable == 1766
    assert record.macs == 65_124
    assert record.settings["network.growth_rate"] == 4


def test_a_variant(new_store, tmp_path):
    store = new_store()
    proposed(store, tmp_path / "runs")
    found = proposed(store, tmp_path / "runs", network__growth_rate=2, training__learning_rate=0.05)
    assert found.record.name == "trial-0001"
    assert found.record.settings["network.growth_rate"] == 2
    assert found.planned.experiment.training.learning_rate == 0.05
    assert found.record.parameters.trainable < 1766


def refused(store, folder, **enqueued):
    """The one proposal after the base spec: what refuses it, and its trial in the store."""
    proposed(store, folder)
    found = proposed(store, folder, **enqueued)
    assert not isinstance(found, Proposal)
    assert not (folder / "trial-0001").exists()
    trial = store.study.get_trials()[1]
    assert (trial.state.name, trial.values) == ("PRUNED", None)
    assert trial.user_attrs["dnsearch:infeasible"] == dict(found)
    assert store.ended() == 0, "it is no trial"
    return found, trial.constraints


def test_values_that_do_not_fit_together(new_store, tmp_path):
    store = new_store(parameters={"network.activation": ["relu", "leaky_relu"]})
    reasons, margins = refused(store, tmp_path / "runs", network__activation="leaky_relu")
    assert list(reasons) == ["spec"]
    assert "alpha, the slope of leaky_relu, is missing" in reasons["spec"]
    assert "network.activation = leaky_relu" in reasons["spec"]
    assert margins == {"spec": 1.0}


def test_a_network_that_does_not_fit_the_images(new_store, tmp_path):
    store = new_store(parameters={"network.layers_per_block": [[1, 1], [1, 1, 1, 1, 1]]})
    reasons, _ = refused(store, tmp_path / "runs", network__layers_per_block="[1, 1, 1, 1, 1]")
    assert "network.layers_per_block" in reasons["spec"]


def test_a_network_that_costs_too_much(new_store, tmp_path):
    grown = {"parameters": {"network.growth_rate": {"int": [2, 24]}}}
    store = new_store(**grown, constraints={"parameters": 2000, "macs": 70_000})
    reasons, margins = refused(store, tmp_path / "runs", network__growth_rate=8)
    assert set(reasons) == set(margins) == {"parameters", "macs"}
    assert reasons["parameters"] == "6,418, at most 2,000"
    assert margins["parameters"] == (6418 - 2000) / 2000
    feasible = store.study.get_trials()[0].constraints
    assert feasible == {"parameters": (1766 - 2000) / 2000, "macs": (65_124 - 70_000) / 70_000}


def test_the_base_spec_is_held_to_the_constraints_too(new_store, tmp_path):
    store = new_store(constraints={"inference_peak_bytes": 100, "training_memory_bytes": 10**9})
    found = proposed(store, tmp_path / "runs")
    assert not isinstance(found, Proposal)
    assert list(found) == ["inference_peak_bytes"]
    assert found["inference_peak_bytes"].endswith(", at most 100")


def test_a_relation_is_looked_at_before_the_network(new_store, tmp_path):
    layers = {f"network.layers_per_block.{block}": {"int": [1, 30]} for block in range(2)}
    relations = [
        {"non_decreasing": "network.layers_per_block"},
        {"sum_at_most": {"of": "network.layers_per_block", "at_most": 40}},
    ]
    store = new_store(parameters=layers, relations=relations, constraints={"parameters": 3000})
    falling = {"network__layers_per_block__0": 4, "network__layers_per_block__1": 1}
    reasons, margins = refused(store, tmp_path / "runs", **falling)
    assert reasons == {"non_decreasing network.layers_per_block": "the proposed values break it"}
    assert margins == {
        "non_decreasing network.layers_per_block": 0.75,
        "sum_at_most 40 of network.layers_per_block": 5 / 40 - 1,
    }, "what it costs was not worked out"


def test_a_proposal_that_was_being_refused_when_everything_died(new_store, tmp_path):
    store = new_store(constraints={"parameters": 100})
    trial = store.new()
    trial.set_constraint("parameters", (1766 - 100) / 100)
    (waiting,) = store.running()
    found = propose(store, store.trial(waiting.number), tmp_path / "runs", judge(store))
    assert not isinstance(found, Proposal)
    assert store.running() == []


def test_the_same_settings_again(new_store, tmp_path):
    store = new_store()
    proposed(store, tmp_path / "runs")
    again = proposed(store, tmp_path / "runs", network__growth_rate=4, training__learning_rate=0.1)
    assert again is None
    assert store.study.trials[1].state.name == "FAIL", "no sampler learns from those"
    assert store.study.trials[1].user_attrs["dnsearch:dropped"] == "same settings as trial 0"
    assert not (tmp_path / "runs" / "trial-0001").exists()
    assert len(store.running()) == 1


def test_what_the_folder_says_already_counts(new_store, tmp_path):
    store = new_store()
    first = proposed(store, tmp_path / "runs")
    begun = replace(first.record, epochs=1, last=Metrics(1.0, 0.5, 144))
    first.folder.write(begun)
    taken_up = propose(store, store.trial(store.running()[0].number), tmp_path / "runs", judge(store))
    assert taken_up.record == replace(begun, settings=taken_up.record.settings)


def test_a_folder_of_other_settings_is_never_written_into(new_store, tmp_path):
    first = proposed(new_store(), tmp_path / "runs")
    first.folder.write(replace(first.record, fingerprint="another", epochs=1))
    with pytest.raises(StudyError) as caught:
        known(first.folder, first.record)
    assert str(caught.value) == (
        f"{first.folder.path}\n  expected the run that belongs here, with settings of fingerprint "
        f"{first.record.fingerprint}, found one of another\n"
        "  Nothing was changed. Move the folder away, or choose another name."
    )


def test_a_damaged_record_does_not_count(new_store, tmp_path):
    first = proposed(new_store(), tmp_path / "runs")
    first.folder.record.write_text("{")
    assert known(first.folder, first.record) == first.record


def test_a_folder_that_cannot_be_made(new_store, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "trial-0000").write_text("in the way")
    with pytest.raises(RunError, match="trial-0000\n  cannot be written: File exists"):
        proposed(new_store(), tmp_path / "runs")


def test_names_sort_as_numbers_do():
    assert sorted(map(trial_name, range(1, 12))) == list(map(trial_name, range(1, 12)))
    assert trial_name(12345) == "trial-12345"
    assert os.sep not in trial_name(0)


@pytest.fixture
def failed(tiny):
    """A record of a trial and its ``training``; keyword arguments change that section."""

    def made(**training):
        experiment = tiny({f"training.{key}": value for key, value in training.items()}).experiment
        return opening("trial-0000", experiment, None, None, None), experiment.training

    return made


@pytest.mark.parametrize(("accumulate", "parts"), [(1, 2), (3, 6), (12, 24)])
def test_each_batch_in_twice_the_parts(failed, accumulate, parts):
    record, training = failed(accumulate=accumulate)
    again = in_more_parts(record, training)
    assert (again.parts, again.state, again.reason) == (parts, "running", "")
    assert (again.fingerprint, again.settings) == (record.fingerprint, record.settings)


def test_once_only(failed):
    record, training = failed()
    assert in_more_parts(in_more_parts(record, training), training) is None


@pytest.mark.parametrize("changes", [{"batch_size": 3}, {"batch_size": 50, "accumulate": 13}])
def test_a_part_has_two_images_at_least(failed, changes):
    assert in_more_parts(*failed(**changes)) is None
