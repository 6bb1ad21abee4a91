"""What is known of a trial before it is trained."""

import os
from dataclasses import replace

import pytest

from dnsearch.errors import RunError
from dnsearch.records.record import Metrics
from dnsearch.study.proposal import known, propose, trial_name

IMAGES = (8, 8, 1), 10


def proposed(book, folder, **enqueued):
    if enqueued:
        book.study.enqueue_trial({key.replace("__", "."): value for key, value in enqueued.items()})
    folder.mkdir(exist_ok=True)
    return propose(book, book.new(), folder, IMAGES)


def test_the_base_spec(ledger, tmp_path):
    found = proposed(ledger(), tmp_path / "runs")
    assert found.folder.path == tmp_path / "runs" / "trial-0000"
    assert found.folder.path.is_dir()
    assert (found.origin.study, found.origin.trial) == ("runs", 0)
    assert found.twin is None
    record = found.record
    assert (record.name, record.study, record.trial, record.state) == ("trial-0000", "runs", 0, "running")
    assert record.parameters is not None
    assert record.parameters.trainable == 1766
    assert record.macs == 65_124
    assert record.settings["network.growth_rate"] == 4


def test_a_variant(ledger, tmp_path):
    book = ledger()
    proposed(book, tmp_path / "runs")
    found = proposed(book, tmp_path / "runs", network__growth_rate=2, training__learning_rate=0.05)
    assert found.record.name == "trial-0001"
    assert found.record.settings["network.growth_rate"] == 2
    assert found.document.experiment.training.learning_rate == 0.05
    assert found.record.parameters.trainable < 1766


def test_values_that_do_not_fit_together(ledger, tmp_path):
    book = ledger(parameters={"network.activation": ["relu", "leaky_relu"]})
    proposed(book, tmp_path / "runs")
    record = proposed(book, tmp_path / "runs", network__activation="leaky_relu").record
    assert record.state == "failed"
    assert "alpha, the slope of leaky_relu, is missing" in record.reason
    assert "network.activation = leaky_relu" in record.reason
    assert record.settings["network.activation"] == "leaky_relu", "the leaderboard shows what was asked for"
    assert record.parameters is None
    assert record.macs is None


def test_a_network_that_does_not_fit_the_images(ledger, tmp_path):
    book = ledger(parameters={"network.layers_per_block": [[1, 1], [1, 1, 1, 1, 1]]})
    proposed(book, tmp_path / "runs")
    record = proposed(book, tmp_path / "runs", network__layers_per_block="[1, 1, 1, 1, 1]").record
    assert record.state == "failed"
    assert "network.layers_per_block" in record.reason
    assert list(record.settings["network.layers_per_block"]) == [1, 1, 1, 1, 1]
    assert record.parameters is None


def test_the_same_settings_again(ledger, tmp_path):
    book = ledger()
    proposed(book, tmp_path / "runs")
    again = proposed(book, tmp_path / "runs", network__growth_rate=4, training__learning_rate=0.1)
    assert again.twin == 0


def test_what_the_folder_says_already_counts(ledger, tmp_path):
    book = ledger()
    first = proposed(book, tmp_path / "runs")
    begun = replace(first.record, epochs=1, last=Metrics(1.0, 0.5, 144))
    first.folder.write(begun)
    taken_up = propose(book, book.running()[0], tmp_path / "runs", IMAGES)
    assert taken_up.record == replace(begun, settings=taken_up.record.settings)


def test_a_record_of_other_settings_does_not_count(ledger, tmp_path):
    first = proposed(ledger(), tmp_path / "runs")
    first.folder.write(replace(first.record, fingerprint="another", epochs=1))
    assert known(first.folder, first.record) == first.record


def test_a_damaged_record_does_not_count(ledger, tmp_path):
    first = proposed(ledger(), tmp_path / "runs")
    first.folder.record.write_text("{")
    assert known(first.folder, first.record) == first.record


def test_a_folder_that_cannot_be_made(ledger, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "trial-0000").write_text("in the way")
    with pytest.raises(RunError, match="trial-0000\n  cannot be written: File exists"):
        proposed(ledger(), tmp_path / "runs")


def test_names_sort_as_numbers_do():
    assert sorted(map(trial_name, range(1, 12))) == list(map(trial_name, range(1, 12)))
    assert trial_name(12345) == "trial-12345"
    assert os.sep not in trial_name(0)
