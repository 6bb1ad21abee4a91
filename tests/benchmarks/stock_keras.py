"""Rival: the article's network in stock Keras layers, trained by ``model.fit``, as a user writes it.

TensorFlow's environment is its default one. ``jit_compile`` is off, which is the faster choice on a
processor: with Keras' own default, XLA, the first step comes three times later and each step takes longer.
"""

import time

import keras
import numpy as np
from keras import layers

K = 12
ARTICLE = {"growth_rate": K, "layers_per_block": (12, 12, 12), "compression": 0.5, "dropout": 0.2}


def activation(alpha):
    return layers.LeakyReLU(alpha) if alpha else layers.ReLU()


def dense_layer(features, growth_rate, alpha, dropout, momentum):
    new = layers.BatchNormalization(momentum=momentum)(features)
    new = activation(alpha)(new)
    new = layers.Conv2D(4 * growth_rate, 1)(new)
    new = layers.BatchNormalization(momentum=momentum)(new)
    new = activation(alpha)(new)
    new = layers.Conv2D(growth_rate, 3, padding="same")(new)
    if dropout:
        new = layers.Dropout(dropout)(new)
    return layers.Concatenate()([features, new])


def transition(features, compression, alpha, pooling, momentum):
    features = layers.BatchNormalization(momentum=momentum)(features)
    features = activation(alpha)(features)
    features = layers.Conv2D(int(compression * features.shape[-1]), 1)(features)
    return (layers.MaxPooling2D if pooling == "max" else layers.AveragePooling2D)(2)(features)


def densenet(
    image_shape,
    *,
    growth_rate,
    layers_per_block,
    compression,
    dropout=0,
    alpha=0,
    stem_alpha=None,
    stem_stride=1,
    pooling="avg",
    momentum=0.99,
):
    """A DenseNet-BC for ten classes; ``stem_alpha`` is the first activation's slope where it has its own."""
    images = keras.Input(image_shape)
    features = layers.Conv2D(2 * K, 3, stem_stride, padding="same")(images)
    features = layers.BatchNormalization(momentum=momentum)(features)
    features = activation(alpha if stem_alpha is None else stem_alpha)(features)
    for block, depth in enumerate(layers_per_block, 1):
        for _ in range(depth):
            features = dense_layer(features, growth_rate, alpha, dropout, momentum)
        if block < len(layers_per_block):
            features = transition(features, compression, alpha, pooling, momentum)
    features = layers.BatchNormalization(momentum=momentum)(features)
    features = layers.GlobalAveragePooling2D()(features)
    return keras.Model(images, layers.Dense(10)(features))


def network():
    return densenet((32, 32, 3), stem_alpha=0.1, **ARTICLE)


def optimizer(name):
    match name:
        case "sgd":
            return keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
        case "adamw":
            return keras.optimizers.AdamW(1e-3)


class Clock(keras.callbacks.Callback):
    """When each step ended."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())


def training(update, batch_size, steps):
    """The network built and trained for some steps, on images in memory."""
    rng = np.random.default_rng(0)
    images = rng.random((batch_size * steps, 32, 32, 3), np.float32)
    labels = rng.integers(0, 10, batch_size * steps)
    clock = Clock()
    began = time.perf_counter()
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(update), loss, metrics=["accuracy"], jit_compile=False)
    model.fit(images, labels, batch_size, verbose=0, callbacks=[clock])
    return {
        "first_step_seconds": clock.ends[0] - began,
        "images_per_second": batch_size / float(np.median(np.diff(clock.ends))),
    }


def inference(batch_size, batches, passes):
    """Passes of ``predict`` over some images, after one that traces."""
    images = np.random.default_rng(0).random((batch_size * batches, 32, 32, 3), np.float32)
    model = network()
    model.compile(jit_compile=False)
    seconds = []
    for _ in range(passes + 1):
        began = time.perf_counter()
        model.predict(images, batch_size, verbose=0)
        seconds.append(time.perf_counter() - began)
    return {"images_per_second": len(images) / float(np.median(seconds[1:]))}
