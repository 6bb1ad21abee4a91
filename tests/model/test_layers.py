"""Operations against what Keras or plain NumPy make of them, and what they compute when traced."""

import numpy as np
import pytest

from dnsearch.plan.graph import Activation
from dnsearch.plan.network import plan_network
from dnsearch.spec.network import UNet, example

FEATURES = np.linspace(-3, 3, 24, dtype="float32").reshape(1, 2, 3, 4)


@pytest.mark.parametrize("kind", ["relu", "elu", "gelu", "silu", "mish"])
def test_activations_are_keras_own(tensorflow_ready, kind):
    import keras

    from dnsearch.model.activations import activated

    ours = np.asarray(activated(FEATURES, Activation(kind, 0.0)))
    np.testing.assert_allclose(
        ours, np.asarray(getattr(keras.activations, kind)(FEATURES)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("slope", [0.0, 0.1, 1.0])
def test_leaky_relu(tensorflow_ready, slope):
    from dnsearch.model.activations import activated

    ours = np.asarray(activated(FEATURES, Activation("leaky_relu", slope)))
    np.testing.assert_allclose(ours, np.where(FEATURES > 0, FEATURES, slope * FEATURES), rtol=1e-6)


def test_prelu_has_a_slope_per_channel(tensorflow_ready):
    from dnsearch.model.activations import activated

    slopes = np.array([0.0, 0.25, 0.5, 2.0], "float32")
    ours = np.asarray(activated(FEATURES, Activation("prelu", 0.25), slopes))
    np.testing.assert_allclose(ours, np.where(FEATURES > 0, FEATURES, slopes * FEATURES), rtol=1e-6)


def test_prelu_starts_from_alpha_and_learns(tensorflow_ready):
    from dnsearch.model.build import build

    for alpha, start in ((None, 0.25), ({"layers": 0.1}, 0.1)):
        model = build(plan_network(example(activation="prelu", alpha=alpha), (8, 8, 1), 10))
        slopes = [
            weight
            for weight in model.trainable_weights
            if weight.path.startswith("block1") and "slope" in weight.path
        ]
        assert len(slopes) == 4
        assert all(np.allclose(np.asarray(slope), start) for slope in slopes)


def test_space_to_depth_keeps_every_pixel(tensorflow_ready):
    from dnsearch.model.layers import SpaceToDepth

    images = np.arange(4 * 6 * 2, dtype="float32").reshape(1, 4, 6, 2)
    out = np.asarray(SpaceToDepth(2, name="s")(images))
    assert out.shape == (1, 2, 3, 8)
    assert out[0, 1, 2].tolist() == images[0, 2:4, 4:6].reshape(-1).tolist()


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (example(layers_per_block=(2, 2, 2), cross_block={"links": "all", "downsampling": kind}), (17, 19, 3))
        for kind in ("avg", "max", "conv3x3", "conv2x2", "space_to_depth")
    ]
    + [
        (example(pooling="both", head={"reads": "all_blocks"}, activation="mish"), (17, 19, 3)),
        (example(pooling="conv", connectivity={"name": "harmonic", "width_multiplier": 1.7}), (9, 9, 1)),
        (
            UNet.model_validate({"family": "unet", "growth_rate": 4, "layers_per_block": (2, 2, 2)}),
            (8, 12, 1),
        ),
        (
            UNet.model_validate({"family": "unet", "unit": "conv", "channels": (4, 8), "normalize": True}),
            (8, 12, 1),
        ),
    ],
)
def test_real_tensors_have_the_planned_shape(tensorflow_ready, network, shape):
    """Shapes that a layer says without tracing could be wrong; real images tell."""
    from dnsearch.model.build import build

    plan = plan_network(network, shape, 5)
    images = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    for training in (False, True):
        out = np.asarray(build(plan)(images, training=training))
        assert out.shape == (2, *plan.nodes[-1].shape)
        assert np.isfinite(out).all()
