"""How good a run is: figures against Keras' own, and what goes into the record."""

from dataclasses import replace

import numpy as np
import pytest

from dnsearch.errors import RunError
from dnsearch.runs.lock import is_locked, locked
from dnsearch.runs.record import Metrics

pytestmark = pytest.mark.xdist_group("inference")  # the runs are made once


@pytest.mark.parametrize("part", ["test", "validation"])
def test_an_evaluation_is_what_keras_predict_gives(digits, by_hand, part):
    from dnsearch.evaluate.trained_run import evaluate_run

    folder, dataset = digits
    split = dataset.test if part == "test" else dataset.validation
    logits = by_hand(folder, split)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(split)), split.labels]
    found = evaluate_run(folder, part)
    assert found.loss.value == pytest.approx(losses.mean(), rel=1e-4)
    assert found.accuracy.value == (logits.argmax(axis=1) == split.labels).mean()
    assert found.examples == len(split)


def test_only_test_figures_go_into_the_record(digits):
    from dnsearch.evaluate.trained_run import evaluate_run

    folder, _ = digits
    before = replace(folder.read(), test=None)
    folder.write(before)
    validation = evaluate_run(folder, "validation")
    assert folder.read() == before
    assert validation.accuracy.value == before.last.accuracy
    assert validation.loss.value == pytest.approx(before.last.loss, rel=1e-5)
    found = evaluate_run(folder, "test")
    test = Metrics(found.loss.value, found.accuracy.value, found.examples)
    assert folder.read() == replace(before, test=test)
    assert not is_locked(folder.lock)


def test_a_run_in_training_gets_no_test_figures_but_may_be_validated(digits):
    from dnsearch.evaluate.trained_run import evaluate_run

    folder, _ = digits
    before = folder.record.read_bytes()
    with locked(folder.lock):
        evaluate_run(folder, "validation")
        with pytest.raises(RunError, match="is being trained by process"):
            evaluate_run(folder, "test")
    assert folder.record.read_bytes() == before


def test_test_time_augmentation_is_told_but_never_recorded(digits, by_hand):
    from dnsearch.evaluate.trained_run import evaluate_run

    folder, dataset = digits
    before = folder.record.read_bytes()
    with locked(folder.lock):  # nothing is written, so a training may go on
        mirrored = evaluate_run(folder, "test", "flip")
    assert folder.record.read_bytes() == before
    images = dataset.test.images
    both = [by_hand(folder, replace(dataset.test, images=each)) for each in (images, images[:, :, ::-1])]
    odds = [np.exp(logits - logits.max(axis=1, keepdims=True)) for logits in both]
    forecast = np.mean([each / each.sum(axis=1, keepdims=True) for each in odds], axis=0)
    assert mirrored.accuracy.value == (forecast.argmax(axis=1) == dataset.test.labels).mean()
    assert mirrored.loss.value == pytest.approx(
        -np.log(forecast[np.arange(len(dataset.test)), dataset.test.labels]).mean(), rel=1e-4
    )
