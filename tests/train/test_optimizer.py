"""Training steps against the formulas, written out in NumPy."""

from dataclasses import dataclass

import numpy as np
import pytest

SGD = {"name": "sgd", "momentum": 0.9, "nesterov": True}
ADAM = {"name": "adam", "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
LION = {"name": "lion", "beta_1": 0.7, "beta_2": 0.95}
RATES = (0.1, 0.1, 0.01, 0.01, 0.2, 0.05)
"""The learning rates of the steps; they rise and fall, which the formulas have to bear out."""


@dataclass(frozen=True)
class Sums:
    """What NumPy finds for one batch: the losses' sum without smoothing, and the hits."""

    loss: float
    hits: int


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def gradients(weights, points, labels, smoothing=0.0):
    """The gradient of the mean loss of BatchNorm (gamma, beta) → Dense (kernel, bias), and the sums."""
    gamma, beta, kernel, bias = weights
    points = points.astype(np.float64)
    normal = (points - points.mean(axis=0)) / np.sqrt(points.var(axis=0) + 1e-3)
    features = gamma * normal + beta
    found = softmax(features @ kernel + bias)
    classes = found.shape[1]
    wanted = np.eye(classes)[labels] * (1 - smoothing) + smoothing / classes
    logits = (found - wanted) / len(labels)
    inner = logits @ kernel.T
    loss = -np.log(found[np.arange(len(labels)), labels]).sum()
    hits = int((found.argmax(axis=1) == labels).sum())
    slopes = [(inner * normal).sum(axis=0), inner.sum(axis=0), features.T @ logits, logits.sum(axis=0)]
    return slopes, Sums(loss, hits)


def sgd(momentum, nesterov, coupled=0.0, decoupled=0.0):
    """The paper's rule; the state is the velocity."""

    def rule(weight, gradient, velocity, rate, _step):
        weight = weight - rate * decoupled * weight
        gradient = gradient + coupled * weight
        velocity = momentum * (0.0 if velocity is None else velocity) + gradient
        return weight - rate * (gradient + momentum * velocity if nesterov else velocity), velocity

    return rule


def adam(coupled=0.0, decoupled=0.0):
    """Adam with Keras' epsilon, which is outside of the bias correction."""
    beta_1, beta_2, epsilon = ADAM["beta_1"], ADAM["beta_2"], ADAM["epsilon"]

    def rule(weight, gradient, state, rate, step):
        mean, square = state or (0.0, 0.0)
        weight = weight - rate * decoupled * weight
        gradient = gradient + coupled * weight
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * gradient**2
        corrected = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        return weight - corrected * mean / (np.sqrt(square) + epsilon), (mean, square)

    return rule


def lion(decoupled=0.0):
    """The paper's Lion; the state is its momentum."""

    def rule(weight, gradient, mean, rate, _step):
        mean = 0.0 if mean is None else mean
        weight = weight - rate * decoupled * weight
        direction = np.sign(LION["beta_1"] * mean + (1 - LION["beta_1"]) * gradient)
        return weight - rate * direction, LION["beta_2"] * mean + (1 - LION["beta_2"]) * gradient

    return rule


RULES = {
    "sgd": ({**SGD, "momentum": 0.0, "nesterov": False}, sgd(0.0, False)),
    "sgd, nesterov without momentum": ({**SGD, "momentum": 0.0}, sgd(0.0, False)),
    "sgd, momentum": ({**SGD, "nesterov": False}, sgd(0.9, False)),
    "sgd, nesterov": (SGD, sgd(0.9, True)),
    "sgd, the paper's": ({**SGD, "weight_decay": 1e-4}, sgd(0.9, True, coupled=1e-4)),
    "sgd, coupled": ({**SGD, "weight_decay": 0.3}, sgd(0.9, True, coupled=0.3)),
    "sgd, decoupled": (
        {**SGD, "weight_decay": 0.3, "decay": "decoupled"},
        sgd(0.9, True, decoupled=0.3),
    ),
    "sgd, decoupled without momentum": (
        {**SGD, "momentum": 0.0, "weight_decay": 0.3, "decay": "decoupled"},
        sgd(0.0, False, decoupled=0.3),
    ),
    "adam": (ADAM, adam()),
    "adam, coupled": ({**ADAM, "weight_decay": 0.3}, adam(coupled=0.3)),
    "adamw": ({**ADAM, "name": "adamw", "weight_decay": 0.3}, adam(decoupled=0.3)),
    "lion": (LION, lion()),
    "lion, decoupled": ({**LION, "weight_decay": 0.3}, lion(decoupled=0.3)),
    "adamw, no decay": ({**ADAM, "name": "adamw", "weight_decay": 0.0}, adam()),
}


def followed(weights, rule, points, labels, smoothing=0.0):
    """The weights after each step of RATES, by NumPy alone."""
    states = [None] * len(weights)
    for step, rate in enumerate(RATES, start=1):
        slopes, sums = gradients(weights, points, labels, smoothing)
        moved = [rule(w, g, state, rate, step) for w, g, state in zip(weights, slopes, states, strict=True)]
        weights, states = [list(part) for part in zip(*moved, strict=True)]
        yield weights, sums


def values(model):
    return [np.asarray(variable, np.float64) for variable in model.trainable_variables]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_steps_follow_the_formula(training, normalized_regression, points, name, smoothing):
    from dnsearch.train.step import build_trainer

    optimizer, rule = RULES[name]
    model = normalized_regression
    expected = followed(values(model), rule, *points, smoothing)
    trainer = build_trainer(model, training(optimizer=optimizer, label_smoothing=smoothing))
    for rate, (weights, sums) in zip(RATES, expected, strict=True):
        loss, hits = trainer.train(*points, rate)
        # What is told has no label smoothing; what is minimised has.
        assert float(loss) == pytest.approx(sums.loss, rel=1e-5)
        assert int(hits) == sums.hits
        trainer.fill_model()
        for variable, weight in zip(model.trainable_variables, weights, strict=True):
            np.testing.assert_allclose(variable, weight, rtol=2e-5, atol=2e-6, err_msg=variable.path)


def test_the_formulas_tell_the_rules_apart(normalized_regression, points):
    """Guards the test above: had two rules the same weights, it could not see one used for the other."""
    ends = [
        np.concatenate(
            [w.ravel() for w in list(followed(values(normalized_regression), rule, *points))[-1][0]]
        )
        for name, (_, rule) in RULES.items()
        if name not in {"sgd, nesterov without momentum", "adamw, no decay", "sgd, the paper's"}
    ]
    for number, end in enumerate(ends):
        assert all(np.abs(end - other).max() > 1e-3 for other in ends[:number])


@pytest.mark.parametrize("decay", [1e-4, 0.05])
def test_coupled_decay_is_stock_keras_with_half_of_it_as_l2(training, points, decay):
    """Every trainable variable is decayed, BatchNorm's and the biases too."""
    import keras

    from dnsearch.train.step import build_trainer

    def model(regularizer):
        norm = keras.layers.BatchNormalization(gamma_regularizer=regularizer, beta_regularizer=regularizer)
        dense = keras.layers.Dense(4, kernel_regularizer=regularizer, bias_regularizer=regularizer)
        point = keras.Input((3,))
        return keras.Model(point, dense(norm(point)))

    ours, stock = model(None), model(keras.regularizers.L2(decay / 2))
    for mine, other in zip(ours.weights, stock.weights, strict=True):
        mine.assign(other + 0.3)
        other.assign(mine)
    trainer = build_trainer(ours, training(optimizer={**SGD, "weight_decay": decay}))
    stock.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    for _ in range(5):
        trainer.train(*points, 0.1)
        stock.train_on_batch(*points)
    trainer.fill_model()
    for mine, other in zip(ours.weights, stock.weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6, err_msg=mine.path)


def path(apply, weight, rates):
    """Where a weight is after each step when its gradient is always -1."""
    found = []
    for rate in rates:
        apply(-np.ones((), np.float32), np.float32(rate))
        found.append(np.asarray(weight).item())
    return np.asarray(found)


@pytest.mark.parametrize(("nesterov", "too_far"), [(True, 7.29), (False, 8.1)])
def test_momentum_forgets_a_rate_at_once_where_keras_does_not(tensorflow_ready, training, nesterov, too_far):
    """The figures in the module's docstring, measured."""
    import keras

    from dnsearch.train.optimizers import build_optimizer
    from dnsearch.train.state import Vector
    from dnsearch.train.step_inputs import step_inputs

    rates = [1.0] * 200 + [0.1] * 200
    own, other = Vector([keras.Variable([0.0])]), keras.Variable(0.0)
    section = training(optimizer={**SGD, "nesterov": nesterov})
    optimizer = build_optimizer(section, own, step_inputs(section, None, 0.0))
    stock = keras.optimizers.SGD(1.0, 0.9, nesterov)
    stock.build([other])

    def stock_apply(gradient, rate):
        stock.learning_rate.assign(rate)
        stock.apply([gradient], [other])

    ours = path(lambda gradient, rate: optimizer.apply(gradient[np.newaxis], rate), own.value, rates)
    keras_own = path(stock_apply, other, rates)
    np.testing.assert_allclose(ours[:200], keras_own[:200], rtol=1e-5)
    old_step = ours[199] - ours[198]
    assert old_step == pytest.approx(10, rel=1e-4)  # 1 / (1 - 0.9) times the rate
    assert ours[200] - ours[199] == pytest.approx(1, rel=1e-3)
    assert (keras_own - ours)[-1] / old_step == pytest.approx(too_far, rel=1e-3)


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD,
        {**SGD, "decay": "decoupled"},
        {"name": "adam"},
        {"name": "adamw"},
        {"name": "lion"},
        {"name": "muon"},
    ],
)
def test_decay_can_be_for_kernels_alone(training, normalized_regression, points, optimizer):
    """The kernel goes where it goes with all decayed, the others where they go with none."""
    from dnsearch.train.step import build_trainer

    model = normalized_regression
    start = values(model)

    def moved(**decay):
        for variable, value in zip(model.trainable_variables, start, strict=True):
            variable.assign(value)
        trainer = build_trainer(model, training(optimizer={**optimizer, **decay}))
        trainer.train(*points, 0.1)
        trainer.fill_model()
        return values(model)

    every, none = moved(weight_decay=0.3), moved(weight_decay=0.0)
    kernels = moved(weight_decay=0.3, decayed="kernels")
    for variable, all_, no, found in zip(model.trainable_variables, every, none, kernels, strict=True):
        np.testing.assert_array_equal(found, all_ if variable.path.endswith("kernel") else no)
    assert np.abs(every[2] - none[2]).max() > 1e-3 or optimizer["name"] == "adam"  # its step is the sign's


def test_the_optimizer_counts_its_steps(training, regression, points):
    from dnsearch.train.step import build_trainer

    trainer = build_trainer(regression, training())
    for _ in range(2):
        trainer.train(*points, 0.1)
    assert int(trainer.optimizer.variables["steps"]) == 2


@pytest.mark.parametrize(
    ("optimizer", "vectors"),
    [({**SGD, "momentum": 0.0}, 0), (SGD, 1), ({"name": "lion"}, 1), (ADAM, 2), ({"name": "muon"}, 3)],
)
def test_what_an_optimizer_keeps(training, regression, optimizer, vectors):
    from dnsearch.train.optimizers import build_optimizer
    from dnsearch.train.state import Vector
    from dnsearch.train.step_inputs import step_inputs

    weights = Vector(regression.trainable_variables)
    section = training(optimizer=optimizer)
    built = build_optimizer(section, weights, step_inputs(section, None, 0.0))
    steps, *kept = built.variables.values()
    assert steps.shape == ()
    assert [each.shape for each in kept] == [(16,)] * vectors
