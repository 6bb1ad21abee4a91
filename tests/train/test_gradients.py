"""What happens to a gradient before the optimizer has it: parts, norm, class weights, frozen layers."""

import numpy as np
import pytest

PLAIN = {"name": "sgd", "momentum": 0.0}


def moved(model, section, images, labels, class_weights=None):
    """What one step at rate 1 takes off each trainable variable; the model is put back."""
    from dnsearch.train.step import build_trainer

    before = [np.asarray(v).copy() for v in model.trainable_variables]
    trainer = build_trainer(model, section, class_weights)
    sums = [float(each) for each in trainer.train(images, labels, 1.0)]
    trainer.fill_model()
    found = [b - np.asarray(v) for b, v in zip(before, model.trainable_variables, strict=True)]
    for variable, value in zip(model.trainable_variables, before, strict=True):
        variable.assign(value)
    return found, sums


def close(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("parts", [2, 5, 7, 24])
@pytest.mark.parametrize("count", [24, 23, 3])
def test_parts_add_up_to_the_batch(regression, training, points, parts, count):
    """Also an uneven last part, and a batch of fewer images than parts."""
    images, labels = (each[:count] for each in points)
    whole, whole_sums = moved(regression, training(optimizer=PLAIN), images, labels)
    found, sums = moved(regression, training(optimizer=PLAIN, accumulate=parts), images, labels)
    close(found, whole)
    assert sums == pytest.approx(whole_sums, rel=1e-5)


def test_batch_norm_sees_each_part_for_itself(normalized_regression, training, points):
    from dnsearch.train.step import build_trainer

    model, (images, labels) = normalized_regression, points
    mean = next(weight for weight in model.weights if "moving_mean" in weight.path)
    expected = np.asarray(mean)
    for part in (images[:12], images[12:]):
        expected = 0.99 * expected + 0.01 * part.mean(axis=0)
    trainer = build_trainer(model, training(accumulate=2))
    trainer.train(images, labels, 0.1)
    trainer.fill_model()
    np.testing.assert_allclose(mean, expected, rtol=1e-5)


def test_the_network_is_traced_once_whatever_the_parts(regression, training, points):
    from dnsearch.train.step import build_trainer

    trainer = build_trainer(regression, training(accumulate=3))
    for end in (24, 10, 1):
        trainer.train(points[0][:end], points[1][:end], 0.1)
    assert trainer.train.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("norm", [0.05, 100.0])
def test_clipping_by_the_norm_of_all_gradients(normalized_regression, training, points, norm):
    whole, _ = moved(normalized_regression, training(optimizer=PLAIN), *points)
    length = np.sqrt(sum((each**2).sum() for each in whole))
    found, _ = moved(normalized_regression, training(optimizer=PLAIN, clip_norm=norm), *points)
    close(found, [each * min(1, norm / length) for each in whole])


def test_coupled_decay_is_added_after_the_clipping(normalized_regression, training, points):
    section = training(optimizer={**PLAIN, "weight_decay": 0.5}, clip_norm=0.01)
    clipped, _ = moved(normalized_regression, training(optimizer=PLAIN, clip_norm=0.01), *points)
    found, _ = moved(normalized_regression, section, *points)
    decay = [0.5 * np.asarray(variable) for variable in normalized_regression.trainable_variables]
    close(found, [c + d for c, d in zip(clipped, decay, strict=True)])


def test_class_weights_weigh_the_gradient_but_not_what_is_told(regression, training, points):
    """The gradient is the sum over classes of each class' own, times its weight."""
    images, labels = points
    section, weights = training(optimizer=PLAIN, label_smoothing=0.1), (0.0, 1.0, 2.5, 1.0)
    found, sums = moved(regression, section, images, labels, weights)
    _, plain_sums = moved(regression, section, images, labels)
    by_class = [moved(regression, section, images[labels == c], labels[labels == c])[0] for c in range(4)]
    expected = [
        sum(
            weight * (labels == c).mean() * own
            for c, (weight, own) in enumerate(zip(weights, of, strict=True))
        )
        for of in zip(*by_class, strict=True)
    ]
    close(found, expected)
    assert sums == plain_sums


def test_frozen_layers_stay_and_so_do_their_moving_statistics(network, training):
    from dnsearch.train.state import freeze
    from dnsearch.train.step import build_trainer

    model = network()
    names = [layer.name for layer in model.layers if layer.weights]
    frozen = [name for name in names if name.startswith(("stem", "block1"))]
    assert 0 < len(frozen) < len(names)
    freeze(model, frozen)
    before = {weight.path: np.asarray(weight).copy() for weight in model.weights}
    images = np.random.default_rng(0).normal(size=(12, 8, 8, 1)).astype(np.float32)
    trainer = build_trainer(model, training(optimizer={"name": "sgd", "weight_decay": 0.1}))
    trainer.train(images, (np.arange(12) % 10).astype(np.int32), 0.1)
    trainer.fill_model()
    for weight in model.weights:
        stayed = np.array_equal(before[weight.path], weight)
        assert stayed == weight.path.startswith(("stem", "block1")), weight.path
    trained = sum(np.size(variable) for variable in model.trainable_variables)
    assert trainer.optimizer.variables["momentum"].shape == (trained,)
