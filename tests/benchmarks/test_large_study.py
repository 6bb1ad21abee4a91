"""The made-up study is one that the program takes for its own, and a larger one asks for no more queries."""

import pytest
from large_study import made, opened_store
from sqlalchemy import Engine, event

from dnsearch.cli.leaderboard_command import View, read

SIZES = 30, 300


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    return [made(tmp_path_factory.mktemp("large"), size) for size in SIZES]


@pytest.fixture
def statements():
    """The SQL statements so far."""
    seen = []

    def note(*arguments):
        seen.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def test_the_next_trial_of_a_large_study_takes_as_many_queries_as_that_of_a_small_one(studies, statements):
    counts = []
    for study, size in zip(studies, SIZES, strict=True):
        store = opened_store(study)
        assert (store.ended(), len(store.ranked())) == (size, size)
        before = len(statements)
        trial = store.new()
        assert store.choice(trial).labels.keys() <= store.tune.parameters.keys()
        assert trial.number == size
        store.close(trial, read([study]).records[0])
        counts.append(len(statements) - before)
    assert counts[1] <= counts[0] + 12, counts  # a parameter more or less is a query or two


def test_a_large_study_is_listed(studies):
    rows = View(top=100).rows(read([studies[1]]))
    assert [row.rank for row in rows] == list(range(1, 101))
