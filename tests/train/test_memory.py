"""Which errors mean that memory is used up."""

import pytest

from dnsearch.errors import OutOfMemoryError

MESSAGE = "Operation received an exception:Status: {}, message: could not create a primitive"


def test_onednn_says_it_by_a_number_alone(tensorflow_ready):
    import tensorflow as tf

    from dnsearch.train.devices import memory_errors_explained

    with (
        pytest.raises(OutOfMemoryError, match="memory is used up at step 1"),
        memory_errors_explained("at step 1"),
    ):
        raise tf.errors.AbortedError(None, None, MESSAGE.format(1))
    with pytest.raises(tf.errors.AbortedError), memory_errors_explained("at step 1"):
        raise tf.errors.AbortedError(None, None, MESSAGE.format(3))
