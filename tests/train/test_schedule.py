"""The learning rate, number by number."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsearch.spec.document import load
from dnsearch.spec.training import Training
from dnsearch.train.optimizers import learning_rate

STEPS = 10
"""Steps of one epoch in this file's tables."""


def rates(training, steps=STEPS):
    return [learning_rate(training, step, steps) for step in range(training.epochs * steps)]


def cosine(progress):
    return 0.5 * (1 + math.cos(math.pi * progress))


@pytest.mark.parametrize(
    ("fields", "table"),
    [
        ({"schedule": {"name": "constant"}}, {0: 0.1, 17: 0.1, 39: 0.1}),
        (
            {"schedule": {"name": "step", "at": (0.5, 0.75), "factor": 0.1}},
            {0: 0.1, 19: 0.1, 20: 0.01, 29: 0.01, 30: 0.001, 39: 0.001},
        ),
        (
            {"schedule": {"name": "step", "at": (0.26,), "factor": 0.5}},  # between steps 10 and 11
            {0: 0.1, 9: 0.1, 10: 0.05, 39: 0.05},
        ),
        (
            {"schedule": {"name": "cosine", "final_fraction": 0.0}},
            {0: 0.1, 10: 0.1 * cosine(0.25), 20: 0.05, 39: 0.1 * cosine(39 / 40)},
        ),
        (
            {"schedule": {"name": "cosine", "final_fraction": 0.2}},
            {0: 0.1, 20: 0.06, 39: 0.02 + 0.08 * cosine(39 / 40)},
        ),
        (
            {"schedule": {"name": "linear", "final_fraction": 0.2}},
            {0: 0.1, 20: 0.06, 39: 0.02 + 0.08 / 40},
        ),
        (
            {"warmup_epochs": 2, "schedule": {"name": "linear", "final_fraction": 0.0}},
            {0: 0.005, 19: 0.1, 20: 0.1, 30: 0.05, 39: 0.005},
        ),
        (  # 40 steps are 39 intervals
            {"schedule": {"name": "one_cycle", "initial_fraction": 0.1, "peak_at": 13 / 39}},
            {0: 0.01, 13: 0.1, 26: 0.05, 39: 0.0},
        ),
        (
            {"schedule": {"name": "one_cycle", "peak_at": 0.3, "final_fraction": 0.1}},
            {0: 0.01, 39: 0.01},
        ),
        ({"warmup_epochs": 2}, {0: 0.005, 1: 0.01, 9: 0.05, 19: 0.1, 20: 0.1, 39: 0.1}),
        ({"warmup_epochs": 0.5}, {0: 0.02, 3: 0.08, 4: 0.1, 5: 0.1}),
        ({"warmup_epochs": 0.04}, {0: 0.1, 1: 0.1}),  # less than half a step is none
        ({"warmup_epochs": 0.25}, {0: 0.05, 1: 0.1, 2: 0.1}),  # 2.5 steps: round half to even
        ({"warmup_epochs": 4}, {0: 0.0025, 38: 0.0975, 39: 0.1}),
        (
            {"warmup_epochs": 2, "schedule": {"name": "cosine", "final_fraction": 0.0}},
            {0: 0.005, 19: 0.1, 20: 0.1, 30: 0.05, 39: 0.1 * cosine(19 / 20)},
        ),
        (
            {"warmup_epochs": 1, "schedule": {"name": "step", "at": (0.5, 0.75), "factor": 0.1}},
            {0: 0.01, 9: 0.1, 19: 0.1, 20: 0.01, 30: 0.001},
        ),
        (  # a drop inside the warm-up waits for its end
            {"warmup_epochs": 3, "schedule": {"name": "step", "at": (0.5,), "factor": 0.1}},
            {0: 0.1 / 30, 29: 0.1, 30: 0.01},
        ),
    ],
)
def test_table(training, fields, table):
    section = training(**fields)
    found = {step: learning_rate(section, step, STEPS) for step in table}
    assert found == pytest.approx(table, rel=1e-12)


def test_the_paper_divides_by_10_at_half_and_at_three_quarters():
    paper = load("densenet-bc-100-12").experiment.training
    assert paper.epochs == 300
    for epochs, rate in [((0, 149), 0.1), ((150, 224), 0.01), ((225, 299), 0.001)]:
        for epoch in epochs:
            for step in (0, 703):
                found = learning_rate(paper, epoch * 704 + step, 704)
                assert found == pytest.approx(rate, rel=1e-12), (epoch, step)


def test_a_drop_falls_on_its_step_whatever_the_rounding(training):
    section = training(epochs=100, schedule={"name": "step", "at": (0.55,), "factor": 0.1})
    assert 0.55 * 100 > 55  # in binary; the drop must not come one step late
    assert [learning_rate(section, step, 1) for step in (54, 55)] == pytest.approx([0.1, 0.01])


schedules = st.one_of(
    st.just({"name": "constant"}),
    st.fixed_dictionaries({"name": st.sampled_from(["cosine", "linear"]), "final_fraction": st.floats(0, 1)}),
    st.builds(
        lambda at, factor: {"name": "step", "at": tuple(sorted(at)), "factor": factor},
        st.sets(st.floats(0.01, 0.99), min_size=1, max_size=4),
        st.floats(0.01, 0.99),
    ),
)


@given(
    schedule=schedules,
    epochs=st.integers(1, 8),
    steps=st.integers(1, 25),
    warm=st.floats(0, 1),
    full=st.floats(1e-6, 100),
)
def test_never_negative_never_above_and_one_peak(schedule, epochs, steps, warm, full):
    section = Training.model_validate(
        {
            "epochs": epochs,
            "learning_rate": full,
            "schedule": schedule,
            "warmup_epochs": warm * epochs,
        }
    )
    found = rates(section, steps)
    warmup = round(warm * epochs * steps)
    assert all(0 <= rate <= full * (1 + 1e-12) for rate in found)
    assert found[:warmup] == sorted(found[:warmup])
    # The rounding of cos may lift a rate by the last bit.
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(found[warmup:]))
    if warmup:
        assert found[warmup - 1] == pytest.approx(full)


@pytest.mark.parametrize("name", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("warmup_epochs", [0.3, 1, 1.75, 3])
def test_continuous_where_the_warmup_ends(training, name, warmup_epochs):
    found = rates(training(schedule={"name": name}, warmup_epochs=warmup_epochs), steps=100)
    end = round(warmup_epochs * 100)
    assert found[end - 1] == found[end] == 0.1
    rise = 0.1 / end
    assert all(abs(b - a) <= 1.01 * rise for a, b in pairwise(found[: end + 1]))


def test_a_cycle_of_one_step_starts_where_it_says(training):
    cycle = {"name": "one_cycle", "initial_fraction": 0.5}
    assert learning_rate(training(epochs=1, schedule=cycle), 0, 1) == 0.05


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": {"name": "cosine"}},
        {"schedule": {"name": "linear", "final_fraction": 0.1}},
        {"schedule": {"name": "step", "at": (0.25, 0.625)}},
        {"schedule": {"name": "one_cycle"}},
        {"schedule": {"name": "cosine"}, "warmup_epochs": 1.5},
    ],
)
def test_what_counts_is_how_far_in_its_epoch_a_step_is(training, fields):
    """An epoch of fewer steps goes through the same rates as one of more, at its own steps."""
    section = training(**fields)
    for epoch in range(4):
        few, many = epoch * 10, epoch * 1000
        first = learning_rate(section, few, 10), learning_rate(section, many, 1000)
        half = learning_rate(section, few + 5, 10), learning_rate(section, many + 500, 1000)
        for one, other in (first, half):
            assert one == pytest.approx(other, rel=0.02, abs=0.1 * 0.08), epoch


def test_the_last_step_ends_the_cycle_however_long_its_epoch_is(training):
    section = training(schedule={"name": "one_cycle", "final_fraction": 0.0})
    assert [learning_rate(section, 4 * steps - 1, steps) for steps in (3, 10, 77)] == [0.0] * 3
