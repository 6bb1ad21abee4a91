"""A study brought to a changed spec, in real databases and folders; only the last test trains."""

import optuna
import pytest
from optuna.trial import TrialState
from small_study import opened

from dnsearch.errors import StudyError
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.lock import locked
from dnsearch.runs.scan import scan
from dnsearch.search import migrate as migration
from dnsearch.search.feasibility import Judgement
from dnsearch.search.migrate import migrate
from dnsearch.search.pruning import COSTS
from dnsearch.search.samplers import PAUSED
from dnsearch.search.study_summary import records, summary
from dnsearch.search.trial_store import DROPPED, FINGERPRINT, TrialStore

pytestmark = pytest.mark.xdist_group("tune")

GROWTH, RATE, SIZE = "network.growth_rate", "training.learning_rate", "training.batch_size"
NARROW = {GROWTH: {"int": [3, 6]}, RATE: {"float": [0.001, 0.5], "log": True}}


def tried(runs) -> TrialStore:
    """The base spec, then growth rates 2 (score 0.9), 3 (paused after epoch 1) and 4 (pruned)."""
    store = opened(runs.request(9))
    for state, growth in ((None, 4), (0.9, 2), ("paused", 3), (TrialState.PRUNED, 4)):
        if state is not None:
            store.study.enqueue_trial({GROWTH: growth, RATE: 0.05})
        trial = store.new()
        store.choice(trial)
        trial.set_user_attr(FINGERPRINT, f"{trial.number}")
        trial.set_user_attr(COSTS, {"parameters": 5})
        trial.report(0.4, step=1)
        folder = runs.folder / f"trial-{trial.number:04d}"
        folder.mkdir()
        (folder / "mark").write_text(str(trial.number))
        match state:
            case "paused":
                trial.set_user_attr(PAUSED, 1)
            case TrialState():
                store.study.tell(trial, state=state)
            case _:
                store.study.tell(trial, state or 0.5)
    return store


def to(runs, tiny, values=None, **tune):
    """The study with a changed spec."""
    changed = type(runs)(runs.folder, tiny(values, **tune))
    return changed, changed.request(9)


def test_what_the_new_space_holds_is_kept_as_it_was(searching, tiny):
    runs = searching()
    before = tried(runs).study.trials
    _, request = to(runs, tiny, parameters=NARROW)
    done = migrate(request, dry_run=False)
    assert done.kept == (0, 2, 3)
    assert done.dropped == {1: f"{GROWTH}: expected a value of tune.parameters.{GROWTH}, found 2"}
    store = opened(request)
    after = store.study.trials
    assert [trial.state.name for trial in after] == ["COMPLETE", "FAIL", "RUNNING", "PRUNED"]
    for number in done.kept:
        old, new = before[number], after[number]
        assert (old.values, old.params, old.intermediate_values) == (
            new.values,
            new.params,
            new.intermediate_values,
        )
        assert old.user_attrs == new.user_attrs
        assert (old.datetime_start, old.datetime_complete) == (new.datetime_start, new.datetime_complete)
        assert new.distributions[GROWTH].high == 6
    assert [trial.number for trial in store.paused()] == [2]


def test_a_dropped_trial_is_neither_counted_nor_shown_and_its_folder_out_of_sight(searching, tiny):
    runs = searching()
    tried(runs)
    _, request = to(runs, tiny, parameters=NARROW)
    migrate(request, dry_run=False)
    store = opened(request)
    assert store.ended() == 2
    assert [record.trial for record in records(store.study)] == [0, 2, 3]
    assert summary(store.study, "ended").trials == {"finished": 1, "paused": 1, "pruned": 1}
    assert (runs.folder / ".dropped/trial-0001/mark").read_text() == "1"
    assert sorted(path.name for path in runs.folder.glob("trial-*")) == [
        "trial-0000",
        "trial-0002",
        "trial-0003",
    ]
    assert scan([runs.folder / ".dropped"]).records == scan([runs.folder]).records == []
    assert store.new().number == 4, "its number stays taken"


def test_again_changes_nothing_and_back_does_not_revive(searching, tiny):
    runs = searching()
    tried(runs)
    _, request = to(runs, tiny, parameters=NARROW)
    first = migrate(request, dry_run=False)
    again = migrate(request, dry_run=False)
    assert (again.kept, again.dropped, again.forgotten) == (first.kept, {}, 1)
    back = migrate(runs.request(9), dry_run=False)
    assert back.kept == first.kept
    assert DROPPED in runs.study().trials[1].user_attrs


def test_a_dry_run_tells_the_same_and_changes_nothing(searching, tiny):
    runs = searching()
    before = tried(runs).study.trials
    _, request = to(runs, tiny, parameters=NARROW)
    told = migrate(request, dry_run=True)
    assert runs.study().trials == before
    assert not (runs.folder / ".dropped").exists()
    opened(runs.request(9))  # still the old spec's
    assert migrate(request, dry_run=False) == told


def test_a_field_that_was_not_searched_has_the_base_spec_s_value(searching, tiny):
    runs = searching()
    tried(runs)
    wider = {GROWTH: {"int": [2, 4]}, RATE: {"float": [0.01, 0.2], "log": True}, SIZE: [50, 100]}
    changed, request = to(runs, tiny, parameters=wider)
    assert migrate(request, dry_run=False).kept == (0, 1, 2, 3)
    assert {trial.params[SIZE] for trial in changed.study().trials} == {50}
    elsewhere = {**wider, SIZE: [25, 100]}
    _, request = to(runs, tiny, parameters=elsewhere)
    reasons = migrate(request, dry_run=True).dropped
    assert reasons[1] == f"{SIZE}: expected a value of tune.parameters.{SIZE}, found 50"


def test_a_changed_setting_drops_what_has_another(searching, tiny):
    runs = searching()
    tried(runs)
    _, request = to(runs, tiny, {"training.epochs": 3})
    done = migrate(request, dry_run=False)
    assert done.kept == ()
    assert set(done.dropped) == {0, 1, 2, 3}
    assert (
        done.dropped[0]
        == "training.epochs: expected 3, as in the study's spec, since it is not searched, found 2"
    )
    base = opened(request).new()
    assert (base.number, base.user_attrs["dnsearch:base"]) == (4, True)


def test_new_constraints_drop_what_is_too_large(searching, tiny):
    runs = searching()
    tried(runs)
    changed, request = to(runs, tiny, constraints={"parameters": 700})
    done = migrate(request, dry_run=False)
    sizes = [trial.constraints for trial in changed.study().trials]
    for number in done.kept:
        assert sizes[number]["parameters"] <= 0
    assert done.kept
    assert done.dropped
    assert all("at most 700" in reason for reason in done.dropped.values())


@pytest.mark.parametrize("tune", [{"select": "best"}, {"objectives": ["validation", "macs"]}])
def test_what_searches_for_something_else_is_refused(searching, tiny, tune):
    runs = searching()
    tried(runs)
    with pytest.raises(StudyError, match="No trial's value would mean the same"):
        migrate(to(runs, tiny, **tune)[1], dry_run=False)


def test_a_sampler_that_could_not_do_the_new_spec_is_refused_before(searching, tiny):
    runs = searching()
    before = tried(runs).study.trials
    _, request = to(runs, tiny, sampler="nsga2", parameters={GROWTH: {"int": [5, 6]}})
    with pytest.raises(StudyError, match=f"tune.parameters.{GROWTH}\n  expected the spec's own value"):
        migrate(request, dry_run=False)
    assert runs.study().trials == before


@pytest.mark.parametrize(
    "step",
    [
        "made",
        "deleted",
        *(pytest.param(step, marks=pytest.mark.slow) for step in ("marked", "copied", "moved")),
    ],
)
def test_whoever_dies_in_the_middle_the_next_one_goes_on(searching, tiny, step, monkeypatch):
    runs = searching()
    before = tried(runs).study.trials
    changed, request = to(runs, tiny, parameters=NARROW)
    module, name, calls_before = {
        "made": (migration, "write_metadata", 0),
        "marked": (migration, "finish_migration", 1),
        "deleted": (optuna, "copy_study", 0),
        "copied": (optuna, "delete_study", 2),
        "moved": (migration, "_set_aside", 0),
    }[step]
    real, calls = getattr(module, name), []

    def dies(*arguments, **options):
        calls.append(arguments)
        if len(calls) > calls_before:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, dies)
    with pytest.raises(KeyboardInterrupt):
        migrate(request, dry_run=False)
    monkeypatch.undo()
    if step in {"made", "marked"}:
        assert runs.study().trials == before
    migrate(request, dry_run=False)
    assert [trial.state.name for trial in changed.study().trials] == ["COMPLETE", "FAIL", "RUNNING", "PRUNED"]
    assert (runs.folder / ".dropped/trial-0001/mark").exists()
    assert optuna.get_all_study_names(changed.url) == ["small"]


@pytest.mark.parametrize("step", ["copy_study", "delete_study"])
def test_a_search_finishes_a_migration_that_was_killed(searching, tiny, step, monkeypatch):
    runs = searching()
    tried(runs)
    changed, request = to(runs, tiny, parameters=NARROW)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        real, calls = getattr(optuna, step), []

        def dies(*arguments, **options):
            calls.append(step)
            if calls == [step] * (1 if step == "copy_study" else 3):
                raise KeyboardInterrupt
            return real(*arguments, **options)

        patched.setattr(optuna, step, dies)
        migrate(request, dry_run=False)
    assert opened(request).ended() == 2
    assert optuna.get_all_study_names(changed.url) == ["small"]


@pytest.mark.slow
def test_the_search_goes_on_with_the_new_spec(searching, tiny):
    runs = searching()
    runs.run(1)
    changed, request = to(runs, tiny, parameters=NARROW)
    migrate(request, dry_run=False)
    changed.run(2)
    assert changed.states() == ["COMPLETE", "COMPLETE"]
    assert 3 <= changed.study().trials[1].params[GROWTH] <= 6


def test_a_value_that_only_arithmetic_tells_from_one_of_the_new_space_is_one(searching, tiny):
    runs = searching(parameters={RATE: {"float": [0.1, 0.5], "step": 0.1}})
    store = opened(runs.request(9))
    store.choice(store.new())
    store.study.enqueue_trial({RATE: 0.30000000000000004})
    waiting = store.new()
    before = store.choice(waiting).values
    waiting.set_user_attr(PAUSED, 1)
    _, request = to(runs, tiny, parameters={RATE: {"float": [0.1, 0.3], "step": 0.1}})
    assert migrate(request, dry_run=False).kept == (0, 1)
    moved = opened(request)
    (again,) = moved.paused()
    assert again.params == {RATE: 0.3}
    assert moved.choice(moved.trial(again.number)).values == before, (
        "it goes on with what it was trained with"
    )


def test_a_study_that_is_searched_is_refused(searching, tiny):
    runs = searching()
    tried(runs)
    with locked(RunFolder(runs.folder).lock), pytest.raises(StudyError, match="is being searched by process"):
        migrate(to(runs, tiny, parameters=NARROW)[1], dry_run=False)


def test_infeasible_and_half_proposed_ones(searching, tiny):
    runs = searching()
    store = tried(runs)
    refused, half = store.new(), store.new()
    store.choice(refused)
    store.judge(refused, Judgement({"parameters": 1.0}, {"parameters": "9, at most 5"}))
    same = migrate(to(runs, tiny, sampler="random")[1], dry_run=True)
    assert same.forgotten == 0
    changed = migrate(to(runs, tiny, parameters=NARROW)[1], dry_run=False)
    assert changed.forgotten == 1
    assert changed.dropped[half.number] == "not all of its values had been proposed"
    attributes = runs.study().trials[refused.number].user_attrs
    assert attributes == {DROPPED: "an infeasible proposal of the spec before"}
