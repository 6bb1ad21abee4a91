"""The expected calibration error, by its definition and by hand."""

import numpy as np
import pytest

from dnsearch.evaluate.metrics import BINS, expected_error, gaps, softmax


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
