"""Test-time augmentation against a mean by hand."""

import numpy as np
import pytest


def linear(images):
    """A network that knows left from right and top from bottom."""
    import tensorflow as tf

    weights = np.random.default_rng(0).normal(size=(4 * 6, 3)).astype(np.float32)
    return tf.reshape(images, (-1, 24)) @ weights


def probabilities(images):
    odds = np.exp(np.asarray(linear(images), np.float64))
    return odds / odds.sum(axis=1, keepdims=True)


def shifted(images, down, right):
    result = np.zeros_like(images)
    height, width = images.shape[1:3]
    result[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = images[
        :, max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
    ]
    return result


MOVES = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]


@pytest.mark.parametrize(("views", "count"), [("flip", 2), ("shifts", 5), ("flip,shifts", 10)])
def test_probabilities_are_averaged_over_the_views(tensorflow_ready, views, count):
    from dnsearch.evaluate.trained_run import averaged

    images = np.random.default_rng(1).normal(size=(7, 4, 6, 1)).astype(np.float32)
    seen = [shifted(images, *move) for move in (MOVES if "shifts" in views else MOVES[:1])]
    seen += [each[:, :, ::-1] for each in seen] if "flip" in views else []
    assert len(seen) == count
    expected = np.mean([probabilities(each) for each in seen], axis=0)
    logits = np.asarray(averaged(linear, views)(images), np.float64)
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4)  # they are normalized already


def test_the_loss_is_at_most_the_mean_loss_of_the_views(tensorflow_ready):
    from dnsearch.evaluate.trained_run import averaged
    from dnsearch.train.step import evaluate

    images = np.random.default_rng(2).normal(size=(50, 4, 6, 1)).astype(np.float32)
    labels = (np.arange(50) % 3).astype(np.int32)
    losses = [evaluate(linear, [(each, labels)]).loss for each in (images, images[:, :, ::-1])]
    assert evaluate(averaged(linear, "flip"), [(images, labels)]).loss < np.mean(losses)
