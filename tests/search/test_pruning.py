"""Who goes on from a rung: properties that hold for any trials, and the plain cases."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsearch.search.pruning import (
    ETA,
    MEDIAN_EPOCHS,
    MEDIAN_TRIALS,
    MOST_RUNGS,
    OF_SEVERAL,
    Entrant,
    admitted,
    behind_median,
    fronts,
    rungs,
    skipped_rungs,
)

RUNG = 2
SCORES = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.9]) | st.floats(0, 1)  # equal ones come up often
COSTS = st.tuples(st.integers(1, 4), st.integers(1, 4))
NOTHING = st.just(())


def entrants(costs=NOTHING):
    """Trials of which some have not come to the rung."""
    scores = st.fixed_dictionaries({1: SCORES}, optional={RUNG: SCORES})
    pairs = st.lists(st.tuples(scores, costs), max_size=12)
    return pairs.map(lambda found: [Entrant(number, *each) for number, each in enumerate(found)])


def dominates(one, other):
    """By the store: nowhere worse and somewhere better."""
    mine, theirs = ((each.scores[RUNG], *(-cost for cost in each.costs)) for each in (one, other))
    return mine != theirs and all(a >= b for a, b in zip(mine, theirs, strict=True))


def peeled(there):
    """The fronts, found by trying every pair."""
    left, found = list(there), []
    while left:
        front = [each for each in left if not any(dominates(other, each) for other in left)]
        found.append({each.number for each in front})
        left = [each for each in left if each not in front]
    return found


@given(entrants())
def test_the_best_third_goes_on(trials):
    there = {each.number: each.scores[RUNG] for each in trials if RUNG in each.scores}
    going = admitted(trials, RUNG)
    assert len(going) == (max(1, len(there) // ETA) if there else 0)
    staying = [score for number, score in there.items() if number not in going]
    assert all(there[number] >= score for number in going for score in staying)
    assert [there[number] for number in going] == sorted((there[each] for each in going), reverse=True)


@given(entrants(COSTS))
def test_with_several_objectives_the_front_goes_on_and_the_best_half(trials):
    there = {each.number: each for each in trials if RUNG in each.scores}
    going = admitted(trials, RUNG)
    assert set(going) <= set(there)
    assert len(set(going)) == len(going)
    if not there:
        assert not going
        return
    first, *others = peeled(there.values())
    assert first <= set(going)
    assert len(going) == max(len(first), len(there) // OF_SEVERAL, 1)
    for front, behind in pairwise([first, *others]):
        assert front <= set(going) or not behind & set(going), "a front only after the one before it"


@given(entrants(COSTS))
def test_fronts_are_those_of_trying_every_pair(trials):
    there = [each for each in trials if RUNG in each.scores]
    ordered = sorted(there, key=lambda each: (-each.scores[RUNG], each.costs))
    assert [set(front) for front in fronts(ordered, RUNG)] == peeled(there)


@given(entrants(COSTS) | entrants(), st.randoms())
def test_the_order_in_which_trials_are_booked_is_of_no_account(trials, random):
    shuffled = list(trials)
    random.shuffle(shuffled)
    assert admitted(shuffled, RUNG) == admitted(trials, RUNG)


@given(entrants())
def test_who_goes_on_still_does_when_a_worse_one_comes(trials):
    worse = Entrant(len(trials), {RUNG: -1.0})
    assert set(admitted(trials, RUNG)) <= set(admitted([*trials, worse], RUNG)) or not trials


@given(entrants(COSTS))
def test_the_best_of_its_size_goes_on_whatever_comes_that_is_larger(trials):
    small = Entrant(len(trials), {RUNG: 0.0}, (0, 0))
    assert small.number in admitted([*trials, small], RUNG)


def test_equal_trials_do_not_dominate_each_other_and_the_earlier_comes_first():
    twins = [Entrant(number, {RUNG: 0.5}, (7,)) for number in (2, 0, 1)]
    assert admitted(twins, RUNG) == (0, 1, 2)
    assert admitted([Entrant(each.number, each.scores) for each in twins], RUNG) == (0,)


def test_nobody_goes_on_from_a_rung_that_nobody_has_come_to():
    assert admitted([], RUNG) == ()
    assert admitted([Entrant(0, {1: 0.9})], RUNG) == ()


@given(st.integers(1, 10_000))
def test_rungs_lie_between_the_first_epoch_and_the_last(epochs):
    found = rungs(epochs)
    assert len(found) <= MOST_RUNGS
    assert all(0 < rung < epochs for rung in found)
    assert all(upper == ETA * lower for lower, upper in pairwise(found))
    assert bool(found) == (epochs >= 5)
    assert not found or found[0] >= 2, "a single epoch says little"
    assert not found or found[-1] * ETA >= epochs, "from the last one it is not far to the end"


@given(st.integers(1, 10_000), st.integers(0, MOST_RUNGS + 1))
def test_who_skips_rungs_meets_the_later_ones(epochs, skipped):
    assert rungs(epochs, skipped) == rungs(epochs)[skipped:]


@pytest.mark.parametrize("levels", range(MOST_RUNGS + 1))
def test_every_bracket_has_its_share_and_meets_the_same_work(levels):
    sizes = [-(-(levels + 1) * ETA**met // (met + 1)) for met in range(levels, -1, -1)]
    turns = [skipped_rungs(number, levels) for number in range(10 * sum(sizes))]
    assert [turns.count(skipped) for skipped in range(levels + 1)] == [10 * size for size in sizes]
    # Who meets no rung costs ETA^levels epochs of the first rung, who meets s costs about s + 1 times
    # ETA^(levels - s): each bracket comes to about the same.
    work = [size * (levels - skipped + 1) * ETA**skipped / ETA**levels for skipped, size in enumerate(sizes)]
    assert max(work) <= 1.5 * min(work), work


def test_without_rungs_nobody_skips_any():
    assert [skipped_rungs(number, 0) for number in range(5)] == [0] * 5


@given(st.lists(SCORES, max_size=9), SCORES, st.integers(1, 4))
def test_below_the_median_is_below_half_of_the_others(scores, own, epoch):
    rivals = [Entrant(number, {epoch: score}) for number, score in enumerate(scores)]
    better = sum(score > own for score in scores)
    worse_or_equal = len(scores) - better
    behind = behind_median(Entrant(99, {epoch: own}), rivals, epoch)
    if len(scores) < MEDIAN_TRIALS or epoch < MEDIAN_EPOCHS or better < worse_or_equal:
        assert not behind
    elif better > worse_or_equal:
        assert behind


def test_the_median_is_that_of_trials_that_came_as_far():
    far = [Entrant(number, {2: 0.1, 3: 0.1}) for number in range(4)]
    near = [Entrant(number, {2: 0.9}) for number in range(4, 9)]
    own = Entrant(9, {2: 0.5, 3: 0.5})
    assert not behind_median(own, [*far, *near], 3)
    assert behind_median(own, [*far, *near], 2)
