"""The compiled steps: what they leave alone, and what an evaluation adds up to."""

import numpy as np
import pytest

from dnsearch.runs.record import Metrics


def batches(points, *sizes):
    """The points in batches of the given sizes."""
    images, labels = points
    ends = np.cumsum(sizes)
    return [(images[end - n : end], labels[end - n : end]) for n, end in zip(sizes, ends, strict=True)]


def by_hand(model, images, labels):
    """Loss and accuracy of a Dense layer, in NumPy."""
    kernel, bias = (np.asarray(weight, np.float64) for weight in model.weights)
    logits = images.astype(np.float64) @ kernel + bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = odds / odds.sum(axis=1, keepdims=True)
    losses = -np.log(shares[np.arange(len(labels)), labels])
    return losses.mean(), (logits.argmax(axis=1) == labels).mean()


@pytest.mark.parametrize("sizes", [(24,), (10, 10, 4), (1,) * 24])
def test_an_evaluation_is_the_mean_over_images_not_over_batches(regression, points, sizes):
    from dnsearch.train.step import evaluate, evaluator

    metrics = evaluate(evaluator(regression), batches(points, *sizes))
    loss, accuracy = by_hand(regression, *points)
    assert metrics.loss == pytest.approx(loss, rel=1e-5)
    assert metrics == Metrics(metrics.loss, accuracy, 24)


def test_an_evaluation_changes_nothing(network):
    from dnsearch.train.step import evaluate, evaluator

    model = network()
    before = [np.asarray(variable).copy() for variable in model.variables]
    images = np.random.default_rng(0).normal(size=(12, 8, 8, 1)).astype(np.float32)
    first, second = (evaluate(evaluator(model), [(images, np.arange(12) % 10)]) for _ in range(2))
    assert first == second  # no dropout
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)


def test_a_training_step_moves_every_variable_and_draws_new_dropout(network, training):
    from dnsearch.train.step import build_trainer

    model = network()
    trainer = build_trainer(model, training())
    before = [np.asarray(variable).copy() for variable in model.variables]
    images = np.random.default_rng(0).normal(size=(12, 8, 8, 1)).astype(np.float32)
    trainer.train(images, (np.arange(12) % 10).astype(np.int32), 0.1)
    trainer.fill_model()
    still = [
        variable.path
        for variable, value in zip(model.variables, before, strict=True)
        if np.array_equal(np.asarray(variable), value)
    ]
    assert still == []
    assert any("seed_generator" in variable.path for variable in model.variables)


def test_the_step_is_traced_once_for_all_batch_sizes(regression, training, points):
    from dnsearch.train.step import build_trainer

    trainer = build_trainer(regression, training())
    variables = len(trainer.optimizer.variables)
    for images, labels in batches(points, 10, 10, 4):
        trainer.train(images, labels, 0.1)
    assert trainer.train.experimental_get_tracing_count() == 1
    assert len(trainer.optimizer.variables) == variables  # built before the first step


def test_batches_of_float64_or_other_shape_are_refused_rather_than_traced_anew(regression, training, points):
    from dnsearch.train.step import build_trainer

    images, labels = points
    with pytest.raises(TypeError):
        build_trainer(regression, training()).train(images[:, :2], labels, 0.1)


def test_start_afresh_gives_equal_networks_for_equal_seeds(network):
    def weights(seed):
        return np.concatenate([np.asarray(weight).ravel() for weight in network(seed=seed).variables])

    first, again, other = weights(1), weights(1), weights(2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def shares_of(labels):
    """Two classes each: most of the label's, the rest of the next one's."""
    own = np.linspace(0.55, 1.0, len(labels), dtype=np.float32)[:, np.newaxis]
    return (
        own * np.eye(4, dtype=np.float32)[labels] + (1 - own) * np.eye(4, dtype=np.float32)[(labels + 1) % 4]
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mixed_labels_are_learned_by_their_shares(regression, training, points, smoothing):
    from dnsearch.train.step import build_trainer

    images, labels = points
    shares = shares_of(labels)
    kernel, bias = (np.asarray(weight, np.float64) for weight in regression.weights)
    odds = np.exp(images.astype(np.float64) @ kernel + bias)
    forecast = odds / odds.sum(axis=1, keepdims=True)
    section = training(
        augmentation={"mixup": 0.2}, label_smoothing=smoothing, optimizer={"name": "sgd", "momentum": 0.0}
    )
    trainer = build_trainer(regression, section)
    loss, hits = trainer.train(images, shares, 0.1)
    trainer.fill_model()
    assert float(loss) == pytest.approx(-(shares * np.log(forecast)).sum(), rel=1e-5)
    assert int(hits) == (forecast.argmax(axis=1) == labels).sum()
    slope = (forecast - (shares * (1 - smoothing) + smoothing / 4)).mean(axis=0)
    np.testing.assert_allclose(np.asarray(regression.weights[1]), bias - 0.1 * slope, atol=1e-6)


def test_an_image_counts_once_however_many_classes_share_it(points):
    from dnsearch.train.losses import label_count

    labels = points[1]
    assert label_count(labels) == label_count(shares_of(labels)) == 24
    assert label_count(np.zeros((2, 5, 5), np.int32)) == 50


@pytest.mark.parametrize(("kinds", "mixed"), [({"crop": 4}, False), ({"cutmix": 1.0}, True)])
def test_the_step_takes_the_labels_that_the_augmentation_makes(regression, training, points, kinds, mixed):
    from dnsearch.train.step import build_trainer

    images, labels = points
    trainer = build_trainer(regression, training(augmentation=kinds))
    right, wrong = (shares_of(labels), labels) if mixed else (labels, shares_of(labels))
    trainer.train(images, right, 0.1)
    with pytest.raises((TypeError, ValueError)):
        trainer.train(images, wrong, 0.1)
