"""How a trial ends without a child's own word, and the best trial's YAML."""

from dataclasses import replace

import pytest

from dnsearch.runs.record import Metrics
from dnsearch.runs.scan import known
from dnsearch.search.confirm import write_best
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.proposal import propose
from dnsearch.spec.document import fingerprint, load, resolved_yaml


@pytest.fixture
def proposal(new_store, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    store = new_store()
    made = propose(store, store.new(), folder, SearchSpec(store.document, store.tune, (8, 8, 1), 10))
    made.folder.write_spec(made.planned.document.text, resolved_yaml(made.planned.experiment))
    last, best = Metrics(1.0, 0.5, 144), Metrics(0.9, 0.75, 144)
    record = replace(made.record, state="finished", epochs=2, last=last, best=best, best_epoch=1)
    made.folder.write(record)
    return replace(made, record=record)


def test_epochs_that_were_written_after_the_record_count_even_if_it_is_damaged(proposal, epoch):
    begun = replace(proposal.record, state="running", epochs=0, last=None, best=None, wall_seconds=0.0)
    proposal.folder.write(begun)
    proposal.folder.write_epochs([epoch(1, 0.5), epoch(2, 0.7)])
    for _ in range(2):
        record = known(proposal.folder, begun)
        assert (record.epochs, record.best_epoch, record.wall_seconds) == (2, 2, 1.0)
        proposal.folder.record.write_text("{")


def test_the_best_spec_says_where_it_comes_from(proposal):
    study = proposal.folder.path.parent
    write_best(study, 0)
    text = (study / "best.yaml").read_text()
    assert text.startswith("# The best network of study runs.\n#\n")
    accuracies = "50.00 % at the last epoch, 75.00 % at epoch 1"
    assert f"# Found:    trial-0000, 2 epochs, validation accuracy {accuracies}\n" in text
    assert f"# Settings: fingerprint {proposal.record.fingerprint};" in text
    assert f"# Run:      dnsearch train {study / 'best.yaml'}\n" in text


def test_the_best_spec_is_a_spec_of_the_same_settings(proposal):
    study = proposal.folder.path.parent
    write_best(study, 0)
    experiment = load(str(study / "best.yaml")).experiment
    assert fingerprint(experiment) == proposal.record.fingerprint
    assert experiment.name == "tiny-best"
    assert experiment.tune is None
    assert experiment.expect is not None
    assert experiment.expect.parameters == 1766


def test_a_long_name_stays_a_valid_one(proposal):
    study = proposal.folder.path.parent
    long = proposal.planned.experiment.model_copy(update={"name": "n" * 100})
    proposal.folder.write_spec("", resolved_yaml(long))
    write_best(study, 0)
    assert load(str(study / "best.yaml")).experiment.name == f"{'n' * 95}-best"


def test_a_file_that_says_it_already_is_left_alone(proposal):
    best = proposal.folder.path.parent / "best.yaml"
    write_best(best.parent, 0)
    before = best.stat().st_mtime_ns
    write_best(best.parent, 0)
    assert best.stat().st_mtime_ns == before
    best.write_text("of an earlier search")
    write_best(best.parent, 0)
    assert "trial-0000" in best.read_text()


def test_a_trial_that_is_gone_leaves_the_file_as_it_was(proposal):
    proposal.folder.record.unlink()
    write_best(proposal.folder.path.parent, 0)
    assert not (proposal.folder.path.parent / "best.yaml").exists()
