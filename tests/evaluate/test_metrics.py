"""Single predictions, calibration, confusions and all figures together, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from dnsearch.evaluate.calibration import BINS, expected_error, gaps
from dnsearch.evaluate.metrics import (
    assess,
    class_figures,
    confusion,
    losses,
    mistakes,
    ranks,
    softmax,
)


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    return rng.normal(0, 3, (200, 8)), rng.integers(8, size=200)


def test_the_mean_loss_is_scikit_learn_s(answers):
    logits, labels = answers
    expected = log_loss(labels, softmax(logits), labels=range(8))
    assert losses(logits, labels).mean() == pytest.approx(expected)


@pytest.mark.parametrize("top", [1, 3, 5])
def test_ranks_give_scikit_learn_s_top_k(answers, top):
    logits, labels = answers
    expected = top_k_accuracy_score(labels, logits, k=top, labels=range(8))
    assert (ranks(logits, labels) < top).mean() == pytest.approx(expected)


def test_rank_0_is_what_argmax_predicts_also_where_logits_are_equal():
    logits = np.random.default_rng(1).integers(3, size=(300, 4)).astype(float)
    labels = np.random.default_rng(2).integers(4, size=300)
    assert (ranks(logits, labels) == 0).mean() == accuracy_score(labels, logits.argmax(axis=1))
    assert np.bincount(ranks(np.zeros((4, 4)), np.arange(4))).tolist() == [1, 1, 1, 1]


def test_huge_logits_are_finite():
    logits = np.array([[1e5, -1e5]])
    assert losses(logits, np.array([1])).tolist() == [2e5]
    assert softmax(logits).tolist() == [[1.0, 0.0]]


def by_definition(probabilities, labels):
    """Guo et al., 2017, equation 5, bin by bin."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    total = 0.0
    for m in range(1, BINS + 1):
        inside = (confidence > (m - 1) / BINS) & (confidence <= m / BINS)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def test_it_is_the_paper_s_definition():
    rng = np.random.default_rng(0)
    probabilities, labels = softmax(rng.normal(0, 2, (500, 6))), rng.integers(6, size=500)
    found = expected_error(gaps(probabilities, labels).mean(axis=0))
    assert found == pytest.approx(by_definition(probabilities, labels))


def test_right_as_often_as_it_says_is_no_error():
    probabilities = np.tile([0.75, 0.25], (4, 1))
    assert expected_error(gaps(probabilities, np.array([0, 0, 0, 1])).mean(axis=0)) == pytest.approx(0)


def test_sure_and_wrong_is_all_error():
    found = gaps(np.array([[1.0, 0.0]]), np.array([1]))
    assert found.tolist() == [[0.0] * (BINS - 1) + [-1.0]]
    assert expected_error(found.mean(axis=0)) == 1


def test_the_edge_of_two_bins_belongs_to_the_lower():
    assert gaps(np.array([[0.6, 0.4]]), np.array([0]), bins=5).tolist() == [[0, 0, pytest.approx(0.4), 0, 0]]


def test_scikit_learn_counts_the_same():
    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=300).astype(np.int32)
    predicted = np.where(rng.random(300) < 0.6, labels, rng.integers(5, size=300))
    counts = confusion(labels, predicted, 5)
    assert (counts == confusion_matrix(labels, predicted)).all()
    figures = class_figures(counts, tuple("abcde"))
    expected = precision_recall_fscore_support(labels, predicted)
    for found, kind in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [getattr(each, found) for each in figures] == pytest.approx(kind.tolist())
    assert [each.name for each in figures] == [*"abcde"]


def test_there_is_no_figure_where_there_is_nothing_to_divide_by():
    never, absent, right = class_figures(np.array([[0, 0, 2], [0, 0, 0], [0, 0, 3]]), ("a", "b", "c"))
    assert (never.precision, never.recall, never.f1, never.support) == (None, 0.0, 0.0, 2)
    assert (absent.precision, absent.recall, absent.f1, absent.support) == (None, None, None, 0)
    assert (right.precision, right.recall, right.f1) == (pytest.approx(0.6), 1.0, pytest.approx(0.75))


def test_mistakes_are_the_most_frequent_ones_and_none_that_did_not_happen():
    counts = np.array([[9, 1, 4], [0, 9, 0], [4, 0, 9]])
    assert mistakes(counts, 10) == [(0, 2, 4), (2, 0, 4), (0, 1, 1)]
    assert mistakes(counts, 1) == [(0, 2, 4)]
    assert mistakes(np.eye(3, dtype=np.int64), 5) == []


def judged(examples=240, classes=7):
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=examples).astype(np.int32)
    logits = rng.normal(0, 1, (examples, classes))
    logits[np.arange(examples), labels] += 1.5
    return logits, labels, tuple(f"class {number}" for number in range(classes))


def test_every_figure_lies_in_its_interval_and_the_two_intervals_agree():
    logits, labels, names = judged()
    found = assess(logits, labels, names)
    for figure in (found.accuracy, found.top5_accuracy, found.loss):
        assert figure.low < figure.value < figure.high
    assert found.accuracy.value == (logits.argmax(axis=1) == labels).mean()
    assert found.accuracy.value < found.top5_accuracy.value < 1
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx(found.wilson, abs=0.015)
    assert found.confusion.sum() == found.examples == 240
    assert sum(each.support for each in found.classes) == 240


def test_five_classes_have_no_top_five():
    assert assess(*judged(classes=5)).top5_accuracy is None
    assert assess(*judged(classes=6)).top5_accuracy is not None


def test_it_is_the_same_every_time():
    first, second = assess(*judged()), assess(*judged())
    assert (first.accuracy, first.loss, first.calibration) == (
        second.accuracy,
        second.loss,
        second.calibration,
    )


def test_a_calibrated_network_s_calibration_error_may_be_0():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (360, 5))
    labels = (softmax(logits).cumsum(axis=1) < rng.random((360, 1))).sum(axis=1)
    found = assess(logits, labels, tuple("abcde")).calibration
    assert found.error.low == 0
    assert found.error.value < 0.03 < found.plain < found.band[1]


def test_more_images_say_more():
    few, many = assess(*judged(100)).accuracy, assess(*judged(1600)).accuracy
    assert many.high - many.low < 0.4 * (few.high - few.low)


def test_one_image_is_enough():
    found = assess(np.array([[2.0, 1.0]]), np.array([0]), ("a", "b"))
    assert (found.accuracy.low, found.accuracy.high) == (1, 1)
    assert found.calibration.error.value == found.calibration.plain == pytest.approx(0.2689, abs=1e-4)
