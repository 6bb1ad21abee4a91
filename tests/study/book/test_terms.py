"""What a study knows of itself."""

import optuna
import pytest

from dnsearch.errors import StudyError
from dnsearch.spec.document import fingerprint, load
from dnsearch.study.book.terms import TERMS, Terms, keep, read


def test_a_worker_reads_what_the_study_was_made_with(tiny):
    study = optuna.create_study(study_name="small")
    terms = Terms(
        tiny(trials=7), tiny().experiment.tune, (8, 8, 1), 10, 7, limits=False, artifacts="s3://bucket/here"
    )
    keep(study, terms)
    found = read(study)
    assert (found.image_shape, found.classes, found.trials) == ((8, 8, 1), 10, 7)
    assert (found.limits, found.artifacts) == (False, "s3://bucket/here")
    assert found.document.text == terms.document.text
    assert found.document.experiment == terms.document.experiment


@pytest.mark.parametrize("name", ["speculations"])
def test_a_spec_that_extends_another_one_arrives_whole(name):
    document, study = load(name, ["network.growth_rate=6"]), optuna.create_study()
    keep(study, Terms(document, document.experiment.tune, (8, 8, 1), 10, 1))
    found = read(study).document
    assert fingerprint(found.experiment) == fingerprint(document.experiment)
    values = {"network.growth_rate": 8}
    assert found.with_values(values, "a").experiment == document.with_values(values, "b").experiment


def test_what_has_not_changed_is_not_written_again(tiny, monkeypatch):
    study = optuna.create_study()
    terms = Terms(tiny(), tiny().experiment.tune, (8, 8, 1), 10, 7)
    keep(study, terms)
    monkeypatch.setattr(study, "set_user_attr", lambda *_: pytest.fail("written again"))
    keep(study, terms)


def test_a_study_of_another_program_s():
    study = optuna.create_study(study_name="foreign")
    assert TERMS not in study.user_attrs
    with pytest.raises(StudyError) as caught:
        read(study)
    assert str(caught.value) == (
        "study foreign\n  expected a study made by dnsearch, with its spec inside, found one without\n"
        "  Make it with: dnsearch tune SPEC --storage URL --create"
    )
