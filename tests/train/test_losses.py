"""The losses against pages of NumPy, against Keras' own and against finite differences."""

import numpy as np
import pytest

CLASSES = 4
KINDS = ["cross_entropy", "focal", "dice", "cross_entropy_dice"]


@pytest.fixture(scope="module")
def masks():
    """Logits (2, 3, 5, 4) and labels (2, 3, 5); class 3 is not shown, two pixels do not count."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (2, 3, 5)).astype(np.int32)
    labels[0, 0, 0] = labels[1, 2, 4] = -1
    return rng.normal(size=(2, 3, 5, CLASSES)).astype(np.float32) * 2, labels


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def by_hand(kind, logits, labels, weights=(1, 1, 1, 1), smoothing=0.0):
    """A loop over classes and pixels that count."""
    likely, weights = softmax(logits.astype(np.float64))[labels >= 0], np.asarray(weights, float)
    labels = labels[labels >= 0]
    shares = np.eye(CLASSES)[labels]
    target = shares * (1 - smoothing) + smoothing / CLASSES
    entropy = (-target * np.log(likely)).sum(axis=1) * weights[labels]
    modulated = (-target * (1 - likely) ** 2 * np.log(likely)).sum(axis=1) * weights[labels]
    overlaps = {
        c: (2 * likely[labels == c, c].sum() + 1) / ((likely[:, c] ** 2).sum() + (labels == c).sum() + 1)
        for c in set(labels.tolist())
    }
    shown = [*overlaps]
    dice = np.average([1 - overlaps[c] for c in shown], weights=weights[shown])
    return {
        "cross_entropy": entropy.mean(),
        "focal": modulated.mean(),
        "dice": dice,
        "cross_entropy_dice": entropy.mean() + dice,
    }[kind]


def ours(section, logits, labels, weights=None):
    import tensorflow as tf

    from dnsearch.train.losses import counted, loss

    labels = tf.constant(labels)
    smoothing = section.label_smoothing or None
    return loss(section.loss, tf.convert_to_tensor(logits), labels, counted(labels), smoothing, weights)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [None, (0.5, 2.0, 1.0, 3.0)])
def test_the_formula(tensorflow_ready, training, masks, kind, weights):
    found = float(ours(training(loss=kind), *masks, weights))
    assert found == pytest.approx(by_hand(kind, *masks, weights or (1,) * CLASSES), rel=1e-5)


@pytest.mark.parametrize("kind", ["cross_entropy", "focal", "cross_entropy_dice"])
def test_smoothing_is_for_pixels_that_count(tensorflow_ready, training, masks, kind):
    found = float(ours(training(loss=kind, label_smoothing=0.2), *masks))
    assert found == pytest.approx(by_hand(kind, *masks, smoothing=0.2), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_slope(tensorflow_ready, training, masks, kind):
    import tensorflow as tf

    logits, labels = masks
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = ours(training(loss=kind), variable, labels)
    slope = np.asarray(tape.gradient(loss, variable))
    assert (slope[labels < 0] == 0).all()
    for place in [(0, 1, 2, 3), (1, 0, 0, 0), (1, 2, 1, 2)]:
        step = np.zeros_like(logits, np.float64)
        step[place] = 1e-4
        above, below = (by_hand(kind, logits + sign * step, labels) for sign in (1, -1))
        assert slope[place] == pytest.approx((above - below) / 2e-4, abs=1e-5)


def test_focal_is_keras_own_for_images_too(tensorflow_ready, training):
    import keras

    rng = np.random.default_rng(1)
    logits, labels = (
        rng.normal(size=(9, CLASSES)).astype(np.float32),
        (np.arange(9) % CLASSES).astype(np.int32),
    )
    keras_focal = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0, from_logits=True)
    expected = float(keras_focal(np.eye(CLASSES, dtype=np.float32)[labels], logits))
    assert float(ours(training(loss="focal"), logits, labels)) == pytest.approx(expected, rel=1e-5)


def test_dice_is_0_for_the_truth_and_near_1_for_its_opposite(tensorflow_ready, training, masks):
    _, labels = masks
    truth = 100 * np.eye(CLASSES, dtype=np.float32)[labels.clip(0)]
    assert float(ours(training(loss="dice"), truth, labels)) == pytest.approx(0, abs=1e-6)
    assert float(ours(training(loss="dice"), np.roll(truth, 1, axis=-1), labels)) > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_without_a_label_that_counts_teaches_nothing(tensorflow_ready, training, masks, kind):
    import tensorflow as tf

    variable = tf.Variable(masks[0])
    with tf.GradientTape() as tape:
        loss = ours(training(loss=kind), variable, np.full((2, 3, 5), -1, np.int32))
    assert float(loss) == 0
    assert not np.asarray(tape.gradient(loss, variable)).any()


def test_what_is_told_leaves_out_what_does_not_count(tensorflow_ready, masks):
    from dnsearch.train.losses import confusion, label_count, loss_and_hits, mean_iou

    logits, labels = masks
    loss, hits = loss_and_hits(logits, labels)
    valid, given = labels >= 0, logits.argmax(axis=-1)
    assert label_count(labels) == valid.sum() == 28
    assert float(loss) == pytest.approx(28 * by_hand("cross_entropy", logits, labels), rel=1e-5)
    assert int(hits) == (given == labels)[valid].sum()
    counts = np.asarray(confusion(logits, labels))
    for shown in range(CLASSES):
        for told in range(CLASSES):
            assert counts[shown, told] == ((labels == shown) & (given == told)).sum()
    overlaps = [
        ((labels == c) & (given == c)).sum() / ((labels == c) | ((given == c) & valid)).sum()
        for c in range(4)
    ]
    assert mean_iou(counts) == pytest.approx(np.mean(overlaps))
