from pathlib import Path

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.folder import is_study, read_study, write_study
from dnsearch.runs.record import StudyRecord

STUDY = StudyRecord(
    name="small",
    state="ended",
    objectives=("validation", "macs"),
    select="best",
    trials={"finished": 3, "paused": 1},
    proposals=6,
    infeasible={"macs": 2},
    infeasible_proposals=2,
    epochs_trained=20,
    epochs_saved=4,
    importances={"training.learning_rate": 0.75, "network.growth_rate": 0.25},
    front=(0, 2),
)


def test_a_study_comes_back_as_it_was(tmp_path: Path) -> None:
    assert not is_study(tmp_path)
    write_study(tmp_path, STUDY)
    assert is_study(tmp_path)
    assert read_study(tmp_path) == STUDY


def test_a_study_that_has_just_begun_comes_back_too(tmp_path: Path) -> None:
    write_study(tmp_path, StudyRecord("new"))
    assert read_study(tmp_path) == StudyRecord("new")


def test_the_order_of_importances_is_kept(tmp_path: Path) -> None:
    write_study(tmp_path, STUDY)
    assert list(read_study(tmp_path).importances) == ["training.learning_rate", "network.growth_rate"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"ended"', '"asleep"', "state\n  expected one of 'searching', 'ended' or 'interrupted', found"),
        ('"proposals": 6', '"proposals": "6"', 'proposals\n  expected a whole number, found "6"'),
        ('"finished": 3', '"finished": 3.5', "trials.finished\n  expected a whole number, found 3.5"),
        ("0.75", '"most"', 'importances.training.learning_rate\n  expected a number, found "most"'),
        ('"macs"\n  ]', "7\n  ]", "objectives.1\n  expected text, found 7"),
        ('"front": [\n    0,\n    2\n  ]', '"front": 0', "front\n  expected a list, found 0"),
        ('"proposals"', '"wishes"', "wishes\n  expected no such key, found 6"),
        (
            '"proposals": 6',
            f'"proposals": {10**400}',
            "proposals\n  expected a number below 2^63, found 1000",
        ),
    ],
)
def test_a_damaged_study_is_refused_with_the_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    write_study(tmp_path, STUDY)
    file = tmp_path / "study.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(RunError) as caught:
        read_study(tmp_path)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_study_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"study\.json\n  cannot be read: No such file"):
        read_study(tmp_path)
