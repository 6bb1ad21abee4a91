"""Which trial gets which gpu; no gpu is needed for that."""

import random

import pytest

from dnsearch.errors import StudyError
from dnsearch.search.local_executor import check_gpus, place, room


@pytest.mark.parametrize(
    ("gpus", "share", "trials"),
    [
        (("0",), 1, 1),
        (("0", "1"), 0.5, 4),
        (("0",), 0.333, 3),
        (("0",), 0.4, 2),
        (("0",), 0.1, 10),
        (("0", "1", "2", "3", "4"), 2, 2),
        (("0",), 2, 0),
        ((), 0.5, 0),
    ],
)
def test_room_is_what_fits(gpus, share, trials):
    assert room(gpus, share) == trials


def test_work_spreads_before_it_stacks_and_a_freed_card_is_the_next_one():
    taken = []
    for _ in range(4):
        taken.append(place(("0", "1"), 0.5, taken))
    assert taken == [("0",), ("1",), ("0",), ("1",)]
    taken.remove(("0",))
    assert place(("0", "1"), 0.5, taken) == ("0",)


def test_several_cards_are_nobody_else_s():
    assert place(("0", "1", "2", "3"), 2, [("0", "1")]) == ("2", "3")
    assert place(("0", "1", "2", "3"), 2, [("2", "3")]) == ("0", "1")


@pytest.mark.parametrize("share", [0.2, 0.25, 0.34, 0.5, 1.0, 2.0, 3.0])
def test_no_card_ever_has_more_than_fits_whoever_ends_first(share):
    gpus, rng, taken = tuple("abcdefg"), random.Random(share), []
    for _ in range(500):
        if len(taken) == room(gpus, share) or (taken and rng.random() < 0.4):
            taken.pop(rng.randrange(len(taken)))
        else:
            taken.append(place(gpus, share, taken))
        for gpu in gpus:
            assert sum(gpu in each for each in taken) * min(share, 1) <= 1


@pytest.mark.parametrize(
    ("gpus", "share", "installed", "workers", "expected"),
    [
        (
            ("0",),
            1,
            (),
            1,
            "--gpus 0\n  expected a GPU, found no GPU on this machine\n"
            "  Without --gpus a search trains on whatever TensorFlow finds.",
        ),
        (("0", "7"), 1, ("0", "1"), 1, "--gpus 0,7\n  expected GPUs of this machine: 0, 1, found no 7\n"),
        (("1", "1"), 1, ("0", "1"), 1, "--gpus 1,1\n  expected each GPU once, found one of them twice"),
        (
            ("0", "1"),
            0.5,
            ("0", "1"),
            5,
            "--workers 5\n  expected at most 4 on --gpus 0,1, found 5\n"
            "  tune.gpus_per_trial is 0.5; name more GPUs, or lower one of the two.",
        ),
        (("0",), 2, ("0",), 1, "--workers 1\n  expected at most 0 on --gpus 0, found 1\n"),
    ],
)
def test_what_the_machine_cannot_give_is_refused(gpus, share, installed, workers, expected):
    with pytest.raises(StudyError) as caught:
        check_gpus(gpus, share, installed, workers)
    assert str(caught.value).startswith(expected)


def test_what_the_machine_has_is_taken():
    check_gpus(("0", "1"), 0.5, ("0", "1", "2"), 4)
