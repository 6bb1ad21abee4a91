"""The epoch loop: what it tells, in which order, and when it gives up."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dnsearch.errors import TrainingError
from dnsearch.runs.record import EpochRecord, Metrics, StepEnded
from dnsearch.spec.training import EarlyStopping
from dnsearch.train.optimizers import learning_rate


@pytest.fixture
def feed(points):
    """A feed of 16 training images in batches of 6, 6 and 4, and 8 validation images in 5 and 3.

    The images of an epoch are rolled by its number, so that epochs differ.
    """
    from dnsearch.train.loop import Feed

    images, labels = points

    def batches(epoch):
        x, y = np.roll(images[:16], epoch, axis=0), np.roll(labels[:16], epoch)
        return [(x[start : start + 6], y[start : start + 6]) for start in (0, 6, 12)]

    validation = [(images[16:21], labels[16:21]), (images[21:], labels[21:])]
    return Feed(batches, validation)


def started(model, section, feed, history=()):
    from dnsearch.train.loop import train
    from dnsearch.train.step import build_trainer

    return train(build_trainer(model, section), feed, section, history)


def weights(model):
    return [np.asarray(weight, np.float64).copy() for weight in model.weights]


def sums(held, images, labels):
    """The sum of losses and the hits of a Dense layer with the weights given, in NumPy."""
    logits = images.astype(np.float64) @ held[0] + held[1]
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]
    return losses.sum(), (logits.argmax(axis=1) == labels).sum()


def test_order_of_events(regression, training, feed):
    events = list(started(regression, training(epochs=2), feed))
    told = [(e.epoch, e.step, e.steps) if isinstance(e, StepEnded) else e.epoch for e in events]
    assert told == [(1, 1, 3), (1, 2, 3), (1, 3, 3), 1, (2, 1, 3), (2, 2, 3), (2, 3, 3), 2]


def test_the_metrics_are_those_of_the_data(regression, training, feed):
    """Training: each batch with the weights before its step. Validation: with those after the last."""
    from dnsearch.train.loop import train
    from dnsearch.train.step import build_trainer

    section = training(epochs=2, label_smoothing=0.2)
    trainer, held, expected = build_trainer(regression, section), weights(regression), []
    for event in train(trainer, feed, section):
        if isinstance(event, StepEnded):
            expected.append(sums(held, *feed.training(event.epoch)[event.step - 1]))
            trainer.fill_model()
            held = weights(regression)
            continue
        loss, hits = np.sum(expected, axis=0)
        assert event.training.loss == pytest.approx(loss / 16, rel=1e-5)
        assert event.training == Metrics(event.training.loss, hits / 16, 16)
        loss, hits = np.sum([sums(held, *batch) for batch in feed.validation], axis=0)
        assert event.validation.loss == pytest.approx(loss / 8, rel=1e-5)
        assert event.validation == Metrics(event.validation.loss, hits / 8, 8)
        expected = []


def test_learning_rate_and_times(regression, training, feed):
    section = training(warmup_epochs=1.5, schedule={"name": "cosine"})
    events = list(started(regression, section, feed))
    for event in events:
        assert math.isfinite(event.images_per_second)
        assert event.images_per_second > 0
    records = [event for event in events if isinstance(event, EpochRecord)]
    assert [record.learning_rate for record in records] == [
        learning_rate(section, last, 3) for last in (2, 5, 8, 11)
    ]
    for record in records:
        speeds = sorted(e.images_per_second for e in events if e.epoch == record.epoch and e is not record)
        assert record.images_per_second == speeds[1]  # the median of three
        assert record.wall_seconds > sum(16 / 3 / speed for speed in speeds) / 3


def test_each_step_has_its_own_learning_rate(regression, training, feed):
    from dnsearch.train.loop import train
    from dnsearch.train.step import build_trainer

    section, found = training(epochs=2, warmup_epochs=2), []
    trainer = build_trainer(regression, section)

    def overheard(images, labels, rate):
        found.append(rate)
        return trainer.train(images, labels, rate)

    list(train(replace(trainer, train=overheard), feed, section))
    assert found == pytest.approx([0.1 * step / 6 for step in range(1, 7)])


def test_who_stops_iterating_stops_the_training(regression, training, feed):
    events = started(regression, training(), feed)
    next(events)
    after_one = weights(regression)
    events.close()
    for held, now in zip(after_one, weights(regression), strict=True):
        np.testing.assert_array_equal(held, now)


def test_nothing_happens_before_the_first_event_is_asked_for(regression, training, feed):
    before = weights(regression)
    started(regression, training(), feed)
    for held, now in zip(before, weights(regression), strict=True):
        np.testing.assert_array_equal(held, now)


def test_epochs_of_different_lengths(regression, training, points):
    from dnsearch.train.loop import Feed

    images, labels = points
    batches = [(images[start : start + 6], labels[start : start + 6]) for start in (0, 6, 12)]
    section = training(epochs=2, schedule={"name": "linear"})
    events = list(started(regression, section, Feed(lambda epoch: batches[: 2 * epoch - 1], batches)))
    told = [(e.epoch, e.step, e.steps) if isinstance(e, StepEnded) else e.epoch for e in events]
    assert told == [(1, 1, 1), 1, (2, 1, 3), (2, 2, 3), (2, 3, 3), 2]
    first, second = (event for event in events if isinstance(event, EpochRecord))
    assert (first.training.examples, second.training.examples) == (6, 18)
    assert first.learning_rate == learning_rate(section, 0, 1) == pytest.approx(0.1)
    assert second.learning_rate == learning_rate(section, 5, 3) == pytest.approx(0.1 / 6)


def test_a_feed_may_be_for_some_epochs_alone(regression, training, feed):
    some = replace(feed, epochs=range(2, 4))
    assert list(started(regression, training(), some)) == []
    events = started(regression, training(), some, records(0.1))
    assert [event.epoch for event in events if isinstance(event, EpochRecord)] == [2, 3]
    assert list(started(regression, training(), some, records(0.1, 0.2, 0.3))) == []


def record(epoch, accuracy):
    return EpochRecord(epoch, 0.1, Metrics(1.0, 0.5, 16), Metrics(1.0, accuracy, 8), 1.0, 100.0)


def records(*accuracies):
    return [record(epoch, accuracy) for epoch, accuracy in enumerate(accuracies, start=1)]


def test_a_history_is_gone_on_with(regression, training, feed):
    history = records(0.1, 0.2)
    events = list(started(regression, training(epochs=3), feed, history))
    assert [event.epoch for event in events] == [3, 3, 3, 3]
    assert len(history) == 2  # the caller's list is left alone
    assert list(started(regression, training(epochs=2), feed, history)) == []


@pytest.mark.parametrize(
    ("accuracies", "patience", "minimum_delta", "stopped"),
    [
        ((), 1, 0.0, False),
        ((0.5,), 1, 0.0, False),
        ((0.5, 0.5), 1, 0.0, True),  # equal is no rise
        ((0.5, 0.6), 1, 0.0, False),
        ((0.5, 0.4, 0.45), 2, 0.0, True),  # better than the last, not than the best
        ((0.5, 0.4, 0.45), 3, 0.0, False),
        ((0.5, 0.4, 0.6, 0.5), 2, 0.0, False),  # the count starts anew with each rise
        ((0.5, 0.4, 0.6, 0.5, 0.6), 2, 0.0, True),
        ((0.5, 0.55, 0.58), 2, 0.1, True),  # rises too small to count
        ((0.5, 0.55, 0.65), 2, 0.1, False),  # small rises may add up
        ((0.0, 0.0), 1, 0.0, True),
    ],
)
def test_stopped_early(tensorflow_ready, accuracies, patience, minimum_delta, stopped):
    from dnsearch.train.loop import stopped_early

    rule = EarlyStopping(patience=patience, minimum_delta=minimum_delta)
    assert stopped_early(records(*accuracies), rule) is stopped
    assert stopped_early(records(*accuracies), None) is False


def test_early_stopping_ends_the_training_and_counts_what_was_before_a_resume(regression, training, feed):
    section = training(epochs=9, learning_rate=1e-9, early_stopping={"patience": 3})
    events = [e for e in started(regression, section, feed) if isinstance(e, EpochRecord)]
    assert len(events) == 4  # the first is the best, for nothing is learned at such a rate
    resumed = [e.epoch for e in started(regression, section, feed, events[:2]) if isinstance(e, EpochRecord)]
    assert resumed == [3, 4]
    assert list(started(regression, section, feed, events)) == []


def test_early_stopping_looks_at_the_epochs_after_the_last_stage_alone(training):
    from dnsearch.train.loop import is_over

    rule = {"early_stopping": {"patience": 2}}
    section = training(
        epochs=9, progressive=({"epochs": 2, "examples": 0.1}, {"epochs": 4, "examples": 0.5}), **rule
    )
    falling = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    assert [is_over(section, records(*falling[:count])) for count in range(8)] == [False] * 7 + [True]
    assert [is_over(training(epochs=9, **rule), records(*falling[:count])) for count in range(4)] == [
        *(False, False, False, True)
    ]
    assert is_over(section, records(*range(9)))


def failure(events):
    with pytest.raises(TrainingError) as caught:
        for _ in events:
            pass
    return str(caught.value)


def test_a_step_whose_loss_is_not_a_number_ends_the_training(regression, training, feed):
    from dnsearch.train.loop import Feed

    def batches(epoch):
        good = feed.training(epoch)
        images, labels = good[1]
        return good if epoch == 1 else [good[0], (np.full_like(images, np.nan), labels), good[2]]

    seen = []
    events = started(regression, training(), Feed(batches, feed.validation))
    assert failure(seen.append(event) or event for event in events) == (
        "the loss is nan at step 2 of epoch 2; nothing more can be learned.\n"
        "  A smaller training.learning_rate (now 0.1) or a warm-up usually helps."
    )
    assert [event.epoch for event in seen] == [1, 1, 1, 1, 2]


def test_a_learning_rate_that_is_far_too_large_ends_the_training(regression, training, points):
    from dnsearch.train.loop import Feed

    images, labels = points
    one = [(images * np.float32(1e19), labels)]
    events = started(regression, training(learning_rate=100.0), Feed(lambda _: one, one))
    assert failure(events).startswith("the loss is nan on the validation images after epoch 1; nothing more")


def test_a_last_step_that_ruins_the_weights_is_no_finished_training(regression, training, feed):
    from dnsearch.train.loop import Feed

    broken = [(np.full((2, 3), np.inf, np.float32), np.zeros(2, np.int32))]
    events = started(regression, training(epochs=1), Feed(feed.training, broken))
    assert "the loss is nan on the validation images after epoch 1" in failure(events)


PETABYTES = 10**16
"""More than a process can address, so that no system promises it and then looks for it."""


def hungry_model(only_without_training):
    import keras
    import tensorflow as tf

    def room():
        return np.zeros(PETABYTES, np.float32)  # TensorFlow tells of its MemoryError as it does of its own

    class Hungry(keras.layers.Layer):
        """Asks for petabytes; always, or only where it is evaluated."""

        def call(self, inputs, training=False):
            if training and only_without_training:
                return inputs
            return inputs + tf.reduce_sum(tf.numpy_function(room, [], tf.float32, stateful=True))

        def compute_output_shape(self, input_shape):
            return input_shape

    point = keras.Input((3,))
    return keras.Model(point, keras.layers.Dense(4)(Hungry()(point)))


@pytest.mark.parametrize(
    ("only_without_training", "moment"),
    [(False, "at step 1 of epoch 1"), (True, "on the validation images after epoch 1")],
)
def test_memory_that_is_used_up_is_said_in_a_sentence(
    tensorflow_ready, training, feed, only_without_training, moment
):
    model = hungry_model(only_without_training)
    assert failure(started(model, training(), feed)) == (
        f"memory is used up {moment}.\n"
        "  A smaller training.batch_size needs less, and so does a smaller network."
    )


def test_memory_that_python_runs_out_of_is_said_alike(tensorflow_ready):
    from dnsearch.train.devices import memory_errors_explained

    def much():
        with memory_errors_explained("while the network was built"):
            np.zeros(PETABYTES, np.uint8)

    with pytest.raises(TrainingError, match=r"^memory is used up while the network was built\.\n"):
        much()


def test_other_errors_pass_through_memory_explained(tensorflow_ready):
    import tensorflow as tf

    from dnsearch.train.devices import memory_errors_explained

    def wrong():
        with memory_errors_explained("never"):
            tf.reshape(tf.zeros(3), [2])

    with pytest.raises(tf.errors.InvalidArgumentError):
        wrong()


def test_a_u_net_stops_early_by_its_mean_iou(training):
    from dnsearch.train.loop import stopped_early

    rule = training(early_stopping={"patience": 2}).early_stopping
    rising = [record(number, 0.9 + number / 100) for number in (1, 2, 3)]
    falling = [
        replace(each, validation=replace(each.validation, mean_iou=0.5 / each.epoch)) for each in rising
    ]
    assert not stopped_early(rising, rule)
    assert stopped_early(falling, rule)
