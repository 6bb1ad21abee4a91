"""What a sampler learns from another study, in real databases; nothing is trained."""

import optuna
import pytest
from small_study import opened

from dnsearch.errors import StudyError
from dnsearch.runs.record import StudyRecord
from dnsearch.search.pruning import COSTS
from dnsearch.search.samplers import KNOWLEDGE
from dnsearch.search.study_summary import records, summary
from dnsearch.search.transfer import learn, other_study
from dnsearch.search.trial_store import TrialStore

pytestmark = pytest.mark.xdist_group("tune")

GROWTH, RATE = "network.growth_rate", "training.learning_rate"
WIDER = {GROWTH: {"int": [2, 8]}, RATE: {"float": [0.001, 1.0], "log": True}}


def made(runs) -> TrialStore:
    return opened(runs.request(50))


def finished(runs, points) -> TrialStore:
    """A study whose trials have these growth rates, learning rates and scores."""
    store = made(runs)
    for growth, rate, score in points:
        store.study.enqueue_trial({GROWTH: growth, RATE: rate})
        trial = store.study.ask()
        store.choice(trial)
        trial.set_user_attr(COSTS, {"parameters": 1})
        store.study.tell(trial, score)
    return store


def source(runs, store: TrialStore) -> tuple[optuna.Study, str]:
    return store.study, runs.url


@pytest.fixture
def tried(searching):
    """Twenty trials: the learning rate 0.05 is far better than any other."""
    runs = searching(parameters=WIDER)
    near = [(3, 0.05, 0.95), (3, 0.06, 0.96)]  # the tenth that TPE holds against the rest
    high = [(2 + step % 7, 0.3 + 0.08 * step, 0.1) for step in range(9)]
    low = [(2 + step % 7, 0.001 + 0.0009 * step, 0.1) for step in range(9)]
    return runs, finished(runs, near + high + low)


def rates(store: TrialStore, count: int) -> list[float]:
    """The learning rates that a study's sampler proposes after its base spec."""
    first = store.new()
    store.choice(first)
    store.study.tell(first, state=optuna.trial.TrialState.FAIL)
    found = []
    for _ in range(count):
        trial = store.new()
        found.append(store.choice(trial).values[RATE])
        store.study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return found


def test_the_sampler_goes_where_the_other_study_was_good(searching, tried):
    other = source(*tried)
    runs, strange = searching(parameters=WIDER), searching(parameters=WIDER)
    taught, untaught = made(runs), made(strange)
    assert learn(runs.request(50), *other) == (20, {})
    near = [rate for rate in rates(taught, 10) if 0.02 < rate < 0.12]
    by_chance = [rate for rate in rates(untaught, 10) if 0.02 < rate < 0.12]
    assert len(near) >= 8
    assert len(by_chance) <= 5


def test_trials_outside_the_space_are_left_with_the_reason(searching, tried):
    other = source(*tried)
    runs = searching()
    taken, left = learn(runs.request(50), *other)
    assert (taken, sum(left.values())) == (2, 18)
    assert any(f"{RATE}: expected a value of tune.parameters.{RATE}, found 0.3" in each for each in left)


def test_what_was_learnt_is_no_trial_and_again_is_the_same(searching, tried):
    other = source(*tried)
    runs = searching()
    store = made(runs)
    for _ in range(2):
        learn(runs.request(50), *other)
    assert len(store.study.user_attrs[KNOWLEDGE]) == 2
    assert runs.states() == []
    assert (store.ended(), store.ranked(), records(store.study)) == (0, [], [])
    found = summary(store.study, "ended")
    assert isinstance(found, StudyRecord)
    assert (found.proposals, found.trials, found.importances) == (0, {}, {})


def test_a_field_that_is_not_searched_here_must_be_as_here(searching, tried):
    other = source(*tried)
    runs = searching(parameters={RATE: {"float": [0.001, 1.0], "log": True}})
    taken, left = learn(runs.request(50), *other)
    assert taken == 2, "those with the growth rate 4"
    assert any(each.startswith(f"{GROWTH}: expected 4, as in the study's spec") for each in left)


def test_labels_are_put_into_this_space_s_words(searching):
    old = searching(parameters={"network.pooling": ["avg", "max"]})
    store = made(old)
    for label in ("avg", "max"):
        store.study.enqueue_trial({"network.pooling": label})
        trial = store.study.ask()
        store.choice(trial)
        store.study.tell(trial, 0.5)
    new = searching(parameters={"network.pooling": {"choices": {"mean": "avg", "top": "max"}}})
    taught = made(new)
    learn(new.request(50), *source(old, store))
    known = taught.study.user_attrs[KNOWLEDGE]
    assert [each["params"] for each in known] == [{"network.pooling": "mean"}, {"network.pooling": "top"}]


def test_a_value_that_only_arithmetic_tells_from_one_of_this_space_is_one(searching):
    old = searching(parameters={RATE: {"float": [0.1, 0.5], "step": 0.1}})
    store = made(old)
    store.study.enqueue_trial({RATE: 0.30000000000000004})
    trial = store.study.ask()
    store.choice(trial)
    store.study.tell(trial, 0.5)
    new = searching(parameters={RATE: {"float": [0.1, 0.3], "step": 0.1}})
    taught = made(new)
    assert learn(new.request(50), *source(old, store)) == (1, {})
    assert taught.study.user_attrs[KNOWLEDGE][0]["params"] == {RATE: 0.3}
    assert rates(taught, 3), "the sampler can be shown it"


@pytest.mark.parametrize(
    ("tune", "said"),
    [
        ({"sampler": "random"}, "expected tune.sampler to be tpe, the only one that learns"),
        ({"select": "best"}, "expected tune.select best, as here, found last"),
        ({"objectives": ["validation", "macs"]}, "expected tune.objectives ['validation', 'macs'], as here"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(searching, tried, tune, said):
    runs = searching(**tune)
    with pytest.raises(StudyError) as caught:
        learn(runs.request(50), *source(*tried))
    assert said in str(caught.value)


def test_a_study_does_not_learn_from_itself(tried):
    runs, store = tried
    with pytest.raises(StudyError, match="expected another study, found the same"):
        learn(runs.request(50), *source(runs, store))


def test_the_other_study_goes_by_its_name_or_its_folder(tried):
    runs, other = tried
    for name in (str(runs.folder), runs.folder.name):
        assert len(other_study(name, runs.folder.parent, None)[0].trials) == len(other.study.trials)
    with pytest.raises(StudyError, match="Studies are made by: dnsearch tune"):
        other_study("missing", runs.folder.parent, None)
