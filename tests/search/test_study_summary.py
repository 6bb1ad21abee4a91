"""The facts about a study, from books that are written here without any training."""

import json
import subprocess
import sys
from dataclasses import replace

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from dnsearch.runs.folder import read_study
from dnsearch.runs.record import FEWEST_SCORED
from dnsearch.search import study_summary
from dnsearch.search.pruning import EPOCHS
from dnsearch.search.study_lock import StudyLock
from dnsearch.search.study_metadata import SPEC
from dnsearch.search.study_summary import StudyFile, summary
from dnsearch.search.trial_store import INFEASIBLE, PAUSED

RATE, GROWTH = "training.learning_rate", "network.growth_rate"
SPACE = {RATE: FloatDistribution(0.0, 1.0), GROWTH: IntDistribution(2, 8)}


def store(*directions: str, **spec: object) -> optuna.Study:
    """An empty study of a spec of 9 epochs."""
    study = optuna.create_study(directions=directions or ("maximize",), study_name="small")
    told = {"training.epochs": 9} | spec
    study.set_user_attr(SPEC, {key: json.dumps(value) for key, value in told.items()})
    return study


def put(study, state, *values, epochs=0, facts=None, rate=0.5, growth=4):
    """Write a trial into the store; one that runs has only begun."""
    trial = create_trial(
        state=state,
        values=list(values) or None,
        params={RATE: rate, GROWTH: growth},
        distributions=SPACE,
        intermediate_values=dict.fromkeys(range(1, epochs + 1), 0.5),
        user_attrs=facts or {},
    )
    study.add_trial(trial)


def test_trials_are_counted_by_their_states_and_infeasible_ones_are_no_trials():
    study = store()
    put(study, TrialState.COMPLETE, 0.9, epochs=9)
    put(study, TrialState.PRUNED, epochs=3)
    put(study, TrialState.PRUNED, epochs=1)
    put(study, TrialState.FAIL)
    put(study, TrialState.RUNNING, epochs=2)
    put(study, TrialState.RUNNING, epochs=3, facts={PAUSED: 3})
    put(study, TrialState.RUNNING, epochs=4, facts={PAUSED: 0})
    put(study, TrialState.PRUNED, facts={INFEASIBLE: {"macs": "too many", "parameters": "too many"}})
    put(study, TrialState.PRUNED, facts={INFEASIBLE: {"macs": "too many"}})
    study.enqueue_trial({GROWTH: 3})
    found = summary(study, "searching")
    assert found.trials == {"finished": 1, "pruned": 2, "failed": 1, "running": 2, "paused": 1}
    assert (found.proposals, found.infeasible_proposals) == (9, 2)
    assert found.infeasible == {"macs": 2, "parameters": 1}
    assert found.epochs_trained == 9 + 3 + 1 + 2 + 3 + 4
    assert found.epochs_saved == 6 + 8 + 6, "of the pruned ones and the paused one"
    assert (found.name, found.state) == ("small", "searching")


def test_epochs_that_are_searched_are_saved_as_each_trial_would_have_had_them():
    study = store()
    study.add_trial(
        create_trial(
            state=TrialState.PRUNED,
            params={"training.epochs": 30},
            distributions={"training.epochs": IntDistribution(1, 30)},
            intermediate_values={10: 0.5},
        )
    )
    assert summary(study, "ended").epochs_saved == 20


def test_what_the_spec_says_is_told_on():
    told = {"tune.select": "best", "tune.objectives": ["validation", "macs"]}
    found = summary(store("maximize", "minimize", **told), "ended")
    assert (found.select, found.objectives) == ("best", ("validation", "macs"))


def test_the_front_is_optuna_s_and_epochs_of_several_objectives_are_kept_apart():
    study = store("maximize", "minimize", **{"tune.objectives": ["validation", "macs"]})
    put(study, TrialState.COMPLETE, 0.9, 100.0, facts={EPOCHS: {"1": 0.5, "10": 0.9}})
    put(study, TrialState.COMPLETE, 0.8, 200.0, facts={EPOCHS: {"9": 0.8}})
    put(study, TrialState.COMPLETE, 0.7, 50.0)
    found = summary(study, "ended")
    assert found.front == (0, 2)
    assert found.epochs_trained == 19
    assert summary(store(), "ended").front == ()


def reach(study, state, score, rate, growth, facts=None):
    """A trial that scored at the first rung, after 3 of 9 epochs."""
    scores = {"3": score} if facts is None else None
    study.add_trial(
        create_trial(
            state=state,
            value=score if state is TrialState.COMPLETE else None,
            params={RATE: rate, GROWTH: growth},
            distributions=SPACE,
            intermediate_values={int(epoch): each for epoch, each in (scores or {}).items()},
            user_attrs=facts or {},
        )
    )


def searched(trials=60):
    """A study where the rate alone matters, and pruning has let the trials of a single rate finish."""
    study = store()
    for number in range(trials):
        rate, growth = (number * 7 % trials) / trials, 2 + number * 5 % 7
        state = TrialState.COMPLETE if abs(rate - 0.3) < 0.06 else TrialState.PRUNED
        reach(study, state, 1 - (rate - 0.3) ** 2 + number % 3 / 100, rate, growth)
    return study


def test_the_setting_that_matters_has_the_largest_share_of_all_that_reached_the_first_rung():
    """Asked of the finished trials alone, whose rates are nearly the same, the growth rate would matter."""
    found = summary(searched(), "ended")
    assert (found.scored_at, found.scored) == (3, 60)
    assert found.trials["finished"] < FEWEST_SCORED
    assert list(found.importances) == [RATE, GROWTH]
    assert found.importances[RATE] > 2 * found.chances[RATE] > 0
    assert found.importances[GROWTH] < found.chances[GROWTH]
    assert found.importances_missing == ""


def test_each_setting_has_its_effects_by_value():
    found = summary(searched(), "ended").effects
    assert list(found) == [RATE, GROWTH]
    assert [sum(each.trials for each in values) for values in found.values()] == [60, 60]
    low, *_, high = found[RATE]
    assert (low.low, high.high) == (0.0, 59 / 60)
    assert high.mean < high.chance[0], "more than chance explains"
    assert all(each.chance[0] <= each.mean <= each.chance[1] for each in found[GROWTH])


def test_scores_of_several_objectives_are_found_where_they_are_kept():
    study = store("minimize", "maximize", **{"tune.objectives": ["macs", "validation"]})
    for number in range(40):
        rate = number / 40
        reach(study, TrialState.PRUNED, None, rate, 2 + number % 7, facts={EPOCHS: {"3": 1 - rate}})
    assert next(iter(summary(study, "ended").importances)) == RATE


def test_a_setting_that_exists_under_a_condition_is_judged_by_the_trials_that_have_it():
    study = store()
    kinds = CategoricalDistribution(("sgd", "adam", None))
    for number in range(60):
        sgd = number % 2 == 0
        momentum = (number * 7 % 60) / 60
        kind = "sgd" if sgd else "adam" if number % 3 else None
        params = {"optimizer": kind} | ({"momentum": momentum} if sgd else {})
        space = {"optimizer": kinds} | ({"momentum": FloatDistribution(0, 1)} if sgd else {})
        score = 1 - (momentum - 0.5) ** 2 if sgd else 0.6 + number / 10_000
        study.add_trial(
            create_trial(value=score, params=params, distributions=space, intermediate_values={3: score})
        )
    found = summary(study, "ended").effects
    assert sum(each.trials for each in found["momentum"]) == 30
    assert [each.low for each in found["optimizer"]] == ["adam", "null", "sgd"]


def test_too_few_trials_have_no_importances_and_the_study_says_why():
    study = store()
    for number in range(FEWEST_SCORED - 1):
        reach(study, TrialState.COMPLETE, number / 100, number / 40, 2 + number % 7)
        put(study, TrialState.PRUNED, epochs=2)
    found = summary(study, "ended")
    assert (found.importances, found.chances, found.effects) == ({}, {}, {})
    assert found.importances_missing == "too few trials (29 reached epoch 3; it takes 30)"
    reach(study, TrialState.PRUNED, 0.95, 0.95, 4)
    found = summary(study, "ended")
    assert set(found.importances) == {RATE, GROWTH}
    assert found.importances_missing == ""


def test_trials_that_are_all_alike_have_no_importances():
    study = store()
    for _ in range(FEWEST_SCORED):
        put(study, TrialState.COMPLETE, 0.5, epochs=9)
    found = summary(study, "ended")
    assert found.importances == {}
    assert found.importances_missing == "all scores are equal, or there are more values than trials"


def test_trainings_too_short_for_rungs_are_judged_by_their_last_epoch():
    study = store(**{"training.epochs": 4})
    put(study, TrialState.COMPLETE, 0.5, epochs=4)
    found = summary(study, "ended")
    assert (found.scored_at, found.scored) == (4, 1)


def file_of(folder, study):
    return StudyFile(folder, study, StudyLock("small", "sqlite:///unused.db"))


def test_the_file_is_written_at_once_then_seldom_and_at_the_end(tmp_path):
    study = store()
    file = file_of(tmp_path, study)
    file.renew()
    assert read_study(tmp_path) == summary(study, "searching")
    put(study, TrialState.COMPLETE, 0.9)
    file.renew()
    assert read_study(tmp_path).trials == {}
    file.write("ended")
    assert read_study(tmp_path) == summary(study, "ended")


def test_the_file_is_written_again_when_some_time_has_passed(tmp_path, monkeypatch):
    study = store()
    monkeypatch.setattr(study_summary, "RENEW_SECONDS", 0.0)
    monkeypatch.setattr(study_summary, "SHARE_OF_TIME", 1e9)
    file = file_of(tmp_path, study)
    file.renew()
    put(study, TrialState.COMPLETE, 0.9)
    file.renew()
    assert read_study(tmp_path).trials == {"finished": 1}


def test_importances_are_worked_out_anew_only_where_more_trials_reached_the_first_rung():
    study = searched(FEWEST_SCORED)
    whole = summary(study, "ended")
    before = replace(whole, importances={RATE: 1.0})
    put(study, TrialState.PRUNED, epochs=2)
    assert summary(study, "ended", before).importances == {RATE: 1.0}
    reach(study, TrialState.PRUNED, 0.5, 0.9, 4)
    assert set(summary(study, "ended", before).importances) == {RATE, GROWTH}


def test_a_damaged_file_is_replaced(tmp_path):
    (tmp_path / "study.json").write_text("{")
    study = store()
    file_of(tmp_path, study).write("ended")
    assert read_study(tmp_path) == summary(study, "ended")


def test_a_search_starts_without_what_importances_need():
    code = "import sys; from dnsearch.search import coordinator; "
    code += "sys.exit(bool({'sklearn', 'scipy', 'tensorflow', 'ray'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
