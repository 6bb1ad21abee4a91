"""A study's trials from its store alone."""

import sqlite3
from contextlib import closing

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from dnsearch.errors import RunError, StudyError
from dnsearch.report.ranking import rank_trials
from dnsearch.report.study_facts import facts
from dnsearch.runs.lock import locked
from dnsearch.search.database import default_url
from dnsearch.search.pruning import COSTS, EPOCHS
from dnsearch.search.study_lock import lock_file
from dnsearch.search.study_metadata import existing_study
from dnsearch.search.study_summary import StudyFile, looking
from dnsearch.search.trial_store import INFEASIBLE, PAUSED, REASON

SPACE = {"training.learning_rate": FloatDistribution(0.01, 0.2)}


def trial(state, value=None, told=None, **facts):
    return create_trial(
        state=state,
        value=value,
        params={"training.learning_rate": 0.1},
        distributions=SPACE,
        intermediate_values=told or {},
        user_attrs=facts,
    )


def test_every_trial_is_told_with_what_the_storage_knows(new_store, tmp_path):
    study = new_store().study
    study.add_trial(trial(TrialState.COMPLETE, 0.9, {1: 0.7, 2: 0.9}, **{COSTS: {"parameters": 1766}}))
    study.add_trial(trial(TrialState.PRUNED, told={1: 0.4}, **{REASON: "behind the others"}))
    study.add_trial(trial(TrialState.FAIL, **{REASON: "the loss is not finite"}))
    study.add_trial(trial(TrialState.RUNNING, told={1: 0.6}, **{PAUSED: 1}))
    study.add_trial(trial(TrialState.RUNNING, **{EPOCHS: {"1": 0.3}}))
    study.add_trial(trial(TrialState.RUNNING, told={1: 0.5}))
    study.add_trial(trial(TrialState.PRUNED, **{INFEASIBLE: {"macs": "too many"}}))
    study.enqueue_trial({"training.learning_rate": 0.05})
    records, found = looking(default_url(tmp_path), "small")()
    assert [record.name for record in records] == [f"trial-000{number}" for number in range(6)]
    states = ["finished", "pruned", "failed", "paused", "interrupted", "interrupted"]
    assert [record.state for record in records] == states
    assert [record.epochs for record in records] == [2, 1, 0, 1, 1, 1]
    assert [record.last and record.last.accuracy for record in records] == [0.9, 0.4, None, 0.6, 0.3, 0.5]
    assert records[0].parameters.trainable == 1766
    assert records[0].settings == {"training.learning_rate": 0.1}
    assert records[1].reason == "behind the others"
    assert {record.epochs_planned for record in records} == {2}
    assert (found.state, found.proposals, found.infeasible) == ("interrupted", 7, {"macs": 1})


@pytest.mark.parametrize("parameters", ["1", 10**400])
def test_a_trial_with_facts_of_other_types_is_refused(new_store, tmp_path, parameters):
    new_store().study.add_trial(trial(TrialState.COMPLETE, 0.9, **{COSTS: {"parameters": parameters}}))
    with pytest.raises(RunError, match=r"trials of study small  parameters\.trainable\n  expected "):
        looking(default_url(tmp_path), "small")()


def test_a_parameter_whose_name_is_bytes_is_read_as_text(new_store, tmp_path):
    new_store().study.add_trial(trial(TrialState.COMPLETE, 0.9))
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        connection.execute("update trial_params set param_name = x'61'")
        connection.commit()
    records, study = looking(default_url(tmp_path), "small")()
    assert records[0].settings == {"a": 0.1}
    assert len(rank_trials(records, study)) == 1


def test_its_leaderboard_has_no_intervals(new_store, tmp_path):
    study = new_store().study
    study.add_trial(trial(TrialState.COMPLETE, 0.9))
    study.add_trial(trial(TrialState.COMPLETE, 0.9))
    rows = rank_trials(*looking(default_url(tmp_path), "small")())
    assert [row.standing.validation.interval for row in rows] == [None, None]
    assert [row.standing.may_be_best for row in rows] == [None, None]


def test_a_study_is_searched_while_its_lock_is_held(new_store, tmp_path):
    study = new_store().study
    look = looking(default_url(tmp_path), "small")
    assert look()[1].state == "ended"
    study.ask()
    assert [record.state for record in look()[0]] == ["interrupted"]
    assert look()[1].state == "interrupted"
    with locked(lock_file(tmp_path / "study.db", "small")):
        assert [record.state for record in look()[0]] == ["running"]
        assert look()[1].state == "searching"


def test_what_is_told_of_it(new_store, tmp_path):
    new_store().study.add_trial(trial(TrialState.COMPLETE, 0.9, {2: 0.9}))
    records, study = looking(default_url(tmp_path), "small")()
    assert facts(study, rank_trials(records, study)) == [
        "trials: 1 finished",
        "epochs: 2 trained",
        "importance: too few trials (1 reached epoch 2; it takes 30)",
    ]


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(StudyError) as caught:
        existing_study(f"sqlite:///{tmp_path}/study.db", "small")
    assert str(caught.value) == (
        f"study small\n  expected a study in sqlite:///{tmp_path}/study.db, found no such file\n"
        "  Studies are made by: dnsearch tune SPEC --study NAME"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["{", "7", '{"tune.objectives": 7}'])
def test_damaged_contents_are_told_with_their_database(new_store, tmp_path, content):
    new_store()
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection, connection:
        connection.execute("update study_user_attributes set value_json = ?", (content,))
    with pytest.raises(
        StudyError, match=r"--storage sqlite:///.*study.db\n  expected a database that can be"
    ):
        looking(default_url(tmp_path), "small")()


def test_a_search_names_a_database_whose_trials_are_damaged(new_store):
    store = new_store()
    store.study.add_trial(trial(TrialState.COMPLETE, 0.9))  # without what its network costs
    with pytest.raises(StudyError, match="expected a database that can be used, found 'dnsearch:costs'"):
        store.ranked()


def test_a_search_names_a_database_whose_facts_are_damaged(new_store, tmp_path):
    store = new_store()
    file = StudyFile(tmp_path, store.study, store.lock)
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection, connection:
        connection.execute("update study_user_attributes set value_json = '7'")
    with pytest.raises(
        StudyError, match=r"--storage sqlite:///.*study.db\n  expected a database that can be"
    ):
        file.write("searching")


def test_a_study_that_is_not_there_is_told_with_those_that_are(new_store, tmp_path):
    new_store()
    with pytest.raises(StudyError, match=r"study\.db, found small\n"):
        existing_study(default_url(tmp_path), "smell")
    optuna.delete_study(study_name="small", storage=default_url(tmp_path))
    with pytest.raises(StudyError, match=r"study\.db, found no study\n"):
        existing_study(default_url(tmp_path), "small")


def test_a_database_that_cannot_be_reached_is_told_without_its_password():
    with pytest.raises(StudyError) as caught:
        existing_study("postgresql+psycopg://me:secret@127.0.0.1:1/none", "small")
    assert "secret" not in str(caught.value)
    assert "a database that can be used" in str(caught.value)
