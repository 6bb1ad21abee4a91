"""Single predictions, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, top_k_accuracy_score

from dnsearch.evaluate.metrics import losses, ranks, softmax


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
