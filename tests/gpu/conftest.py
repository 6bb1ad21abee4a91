"""A graphics card: these tests skip without one, but for ``make test-gpu``, which then fails."""

import os

import pytest


@pytest.fixture(scope="session")
def cards(tensorflow_ready):
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        said = "no GPU found: TensorFlow sees processors only, so nothing was checked"
        if os.environ.get("DNSEARCH_GPU"):
            pytest.exit(said, returncode=1)
        pytest.skip(said)
    return found
