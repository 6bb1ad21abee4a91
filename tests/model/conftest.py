"""The article's way to write a DenseNet, in stock Keras layers: the reference that ours is held against."""

import pytest


@pytest.fixture
def stock(tensorflow_ready):
    """A function from a DenseNet section, image shape and classes to a model of stock layers."""
    import keras
    from keras import layers

    def network(spec, image_shape, classes):
        alpha = spec.alpha
        slope = (lambda place: getattr(alpha, place)) if alpha else (lambda place: 0.0)

        def convolution(x, filters, kernel):
            return layers.Conv2D(filters, kernel, padding="same", use_bias=spec.convolution_bias)(x)

        def normalized(x, place):
            norm = layers.BatchNormalization(
                momentum=spec.batch_norm.momentum, epsilon=spec.batch_norm.epsilon
            )
            return layers.LeakyReLU(slope(place))(norm(x))

        def bottleneck_layer(x):
            if spec.bottleneck_width is not None:
                x = convolution(normalized(x, "layers"), spec.bottleneck_width * spec.growth_rate, 1)
            x = convolution(normalized(x, "layers"), spec.growth_rate, 3)
            return layers.Dropout(spec.dropout)(x) if spec.dropout else x

        def dense_block(x, count):
            for _ in range(count):
                x = layers.Concatenate()([x, bottleneck_layer(x)])
            return x

        def transition(x):
            x = convolution(normalized(x, "transitions"), int(x.shape[-1] * spec.compression), 1)
            pool = layers.AveragePooling2D if spec.pooling == "avg" else layers.MaxPooling2D
            return pool(2, 2)(x)

        image = keras.Input(image_shape)
        default = 16 if spec.bottleneck_width is None else 2 * spec.growth_rate
        x = convolution(image, spec.stem.channels or default, spec.stem.kernel)
        if spec.stem.normalize:
            x = normalized(x, "stem")
        *first, last = spec.layers_per_block
        for count in first:
            x = transition(dense_block(x, count))
        x = dense_block(x, last)
        x = layers.BatchNormalization(momentum=spec.batch_norm.momentum, epsilon=spec.batch_norm.epsilon)(x)
        if spec.head.activation:
            x = layers.LeakyReLU(slope("head"))(x)
        x = layers.GlobalAveragePooling2D()(x)
        return keras.Model(image, layers.Dense(classes)(x))

    return network
