"""The made-up study is one that the program takes for its own, and a large one opens soon."""

import time

import pytest
from large_study import made, opened_store

from dnsearch.cli.leaderboard_command import View, read

TRIALS = 3000


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return made(tmp_path_factory.mktemp("large"), TRIALS)


def test_a_large_study_opens_and_goes_on_soon(study):
    began = time.process_time()
    store = opened_store(study)
    assert (store.ended(), len(store.ranked())) == (TRIALS, TRIALS)
    trial = store.new()
    assert store.choice(trial).labels.keys() <= store.tune.parameters.keys()
    assert trial.number == TRIALS
    assert time.process_time() - began < 3, "a quarter of it was measured, and 0.9 s for 10,000 trials"


def test_a_large_study_is_listed_soon(study):
    began = time.process_time()
    rows = View(top=100).rows(read([study]))
    assert time.process_time() - began < 3
    assert [row.rank for row in rows] == list(range(1, 101))
