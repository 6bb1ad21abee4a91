"""Confusions and the figures of classes, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from dnsearch.evaluate.metrics import class_figures, confusion, mistakes


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
