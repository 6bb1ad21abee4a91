"""TensorFlow reads its environment when it is imported; so it is set before any test imports it."""

import pytest

from dnsearch import runtime

runtime.set_environment()


@pytest.fixture(scope="session")
def tensorflow_ready() -> None:
    runtime.prepare_tensorflow(threads=1)
