"""Loss scaling against Keras', over gradients that are finite and gradients that are not."""

from functools import partial

import numpy as np
import pytest

GOOD, BAD = 1.0, float("inf")


@pytest.fixture
def scaling(tensorflow_ready):
    from dnsearch.train.step import LossScaling

    return LossScaling()


def moves(scaling, gradients):
    """The gradients that get through, of those of the scaled loss."""
    import tensorflow as tf

    done = tf.Variable(tf.zeros(2))
    count = tf.Variable(0)

    def move(gradient, rate):
        done.assign(rate * gradient)
        count.assign_add(1)

    step = tf.function(partial(scaling.apply, move), autograph=False)
    found = []
    for gradient in gradients:
        step(tf.constant([1.0, gradient]), tf.constant(2.0))
        found.append((int(count), np.asarray(done).tolist()))
    return found


def test_a_gradient_is_divided_by_the_scale_and_a_step_without_one_is_left_out(scaling):
    first, *others = moves(scaling, [GOOD, BAD, float("nan"), 0.5])
    assert first == (1, [2 / 2**15, 2 / 2**15])
    assert others == [first, first, (2, [2 / 2**13, 1 / 2**13])]
    assert (float(scaling.scale), int(scaling.good_steps)) == (2**13, 1)


@pytest.mark.parametrize("start", [0, 1998, 1999])
@pytest.mark.parametrize("gradients", [[GOOD] * 3, [GOOD, BAD, GOOD], [BAD, BAD]])
def test_the_scale_is_keras_own(scaling, start, gradients):
    import keras
    import tensorflow as tf

    weight = keras.Variable(np.zeros(2, np.float32))
    theirs = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0))
    theirs.build([weight])
    theirs.step_counter.assign(start)
    scaling.good_steps.assign(start)
    for gradient in gradients:
        theirs.apply([tf.constant([1.0, gradient])])
    moves(scaling, gradients)
    assert float(scaling.scale) == float(theirs.dynamic_scale)
    assert int(scaling.good_steps) == int(theirs.step_counter)


def test_a_training_that_diverges_is_not_held_back_for_ever(scaling):
    counts = [count for count, _ in moves(scaling, [BAD] * 17)]
    assert counts == [0] * 15 + [1, 2]  # at a scale of 1 nothing is left to try
    assert float(scaling.scale) == 1


def test_the_scale_stays_finite(scaling):
    scaling.scale.assign(2.0**24)
    scaling.good_steps.assign(1999)
    moves(scaling, [0.0])
    assert (float(scaling.scale), int(scaling.good_steps)) == (2**24, 0)
