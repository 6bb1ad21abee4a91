"""TensorFlow reads its environment when it is imported; so it is set before any test imports it.

A shell that starts the tests in the background has told them to ignore Ctrl-C; the tests of Ctrl-C, and the
programs that they start, need it as it is on a terminal.
"""

import signal

import pytest

from dnsearch import runtime

runtime.set_environment()
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tensorflow_ready() -> None:
    runtime.prepare_tensorflow(threads=1)
