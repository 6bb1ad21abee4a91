"""Averaged weights: the formula, whom they are lent to, and that a training does not notice."""

import numpy as np
import pytest


@pytest.fixture
def trainer(normalized_regression, training):
    from dnsearch.train.step import build_trainer

    return build_trainer(normalized_regression, training(ema={"decay": 0.5}))


def filled(trainer):
    """The weights that the model has after ``fill_model``."""
    trainer.fill_model()
    return [np.asarray(weight).copy() for weight in trainer.model.weights]


def going_on(trainer):
    """The weights that the training goes on with, in the same order."""
    state = trainer.state
    found = {}
    for vector in (state.weights, state.statistics):
        parts = vector.parts(vector.value)
        found |= {
            variable.path: np.asarray(part) for variable, part in zip(vector.variables, parts, strict=True)
        }
    return [found[weight.path] for weight in trainer.model.weights]


def test_the_average_follows_the_formula_moving_statistics_too(trainer, points):
    averages = None
    for step in range(14):
        trainer.train(*points, 0.1)
        share = min(0.5, step / (step + 10))
        new = going_on(trainer)
        averages = (
            new if step == 0 else [share * a + (1 - share) * w for a, w in zip(averages, new, strict=True)]
        )
    assert share == 0.5
    lent = filled(trainer)
    for found, average, last in zip(lent, averages, new, strict=True):
        np.testing.assert_allclose(found, average, rtol=1e-5, atol=1e-6)
        assert not np.array_equal(found, last)


def test_a_training_goes_on_with_its_own_weights(trainer, points):
    trainer.train(*points, 0.1)
    trainer.train(*points, 0.1)
    before = going_on(trainer)
    filled(trainer)
    for held, now in zip(before, going_on(trainer), strict=True):
        np.testing.assert_array_equal(held, now)


def test_averages_are_part_of_the_state_and_absent_without_ema(trainer, training, points):
    from dnsearch.train.step import build_trainer

    plain = build_trainer(trainer.model, training())
    assert set(trainer.variables) - set(plain.variables) == {"average weights", "average statistics"}
    plain.train(*points, 0.1)
    for held, now in zip(going_on(plain), filled(plain), strict=True):
        np.testing.assert_array_equal(held, now)


def test_validation_has_the_averages(regression, training, points):
    from dnsearch.runs.record import EpochRecord
    from dnsearch.train.loop import Feed, train
    from dnsearch.train.step import build_trainer, evaluate, evaluator

    section = training(epochs=2, learning_rate=5.0, ema={"decay": 0.9})
    trainer = build_trainer(regression, section)
    feed = Feed(training=lambda _: [points] * 3, validation=[points])
    *_, last = (event for event in train(trainer, feed, section) if isinstance(event, EpochRecord))
    logits_of = evaluator(regression)
    assert last.validation == evaluate(logits_of, [points])
    for variable, value in zip(trainer.model.weights, going_on(trainer), strict=True):
        variable.assign(value)
    assert last.validation != evaluate(logits_of, [points])
