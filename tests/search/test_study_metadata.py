"""What a study records about itself."""

import optuna
import pytest

from dnsearch.errors import StudyError
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.study_metadata import METADATA, read_metadata, write_metadata
from dnsearch.spec.document import fingerprint, load

URL = "sqlite:///study.db"


def test_a_study_tells_what_it_was_made_with(tiny):
    study = optuna.create_study(study_name="small")
    spec = SearchSpec(tiny(trials=7), tiny().experiment.tune, (8, 8, 1), 10, limits=False)
    write_metadata(study, spec, 7)
    found = read_metadata(study, URL)
    assert (found.image_shape, found.classes) == ((8, 8, 1), 10)
    assert not found.limits
    assert found.document.text == spec.document.text
    assert found.document.experiment == spec.document.experiment


@pytest.mark.parametrize("name", ["speculations"])
def test_a_spec_that_extends_another_one_arrives_whole(name):
    document, study = load(name, ["network.growth_rate=6"]), optuna.create_study()
    write_metadata(study, SearchSpec(document, document.experiment.tune, (8, 8, 1), 10), 1)
    found = read_metadata(study, URL).document
    assert fingerprint(found.experiment) == fingerprint(document.experiment)
    values = {"network.growth_rate": 8}
    assert found.with_values(values, "a").experiment == document.with_values(values, "b").experiment


def test_what_has_not_changed_is_not_written_again(tiny, monkeypatch):
    study = optuna.create_study()
    spec = SearchSpec(tiny(), tiny().experiment.tune, (8, 8, 1), 10)
    write_metadata(study, spec, 7)
    monkeypatch.setattr(study, "set_user_attr", lambda *_: pytest.fail("written again"))
    write_metadata(study, spec, 7)


def test_a_study_of_another_program_s():
    study = optuna.create_study(study_name="foreign")
    assert METADATA not in study.user_attrs
    with pytest.raises(StudyError) as caught:
        read_metadata(study, URL)
    assert str(caught.value) == (
        "study foreign\n  expected a study made by dnsearch, with its spec inside, found one without\n"
        "  Make it with: dnsearch tune SPEC --storage URL"
    )
