"""Which errors mean that memory is used up."""

import pytest

from dnsearch.errors import OutOfMemoryError

MESSAGE = "Operation received an exception:Status: {}, message: could not create a primitive"


def test_onednn_says_it_by_a_number_alone(tensorflow_ready):
    import tensorflow as tf

    from dnsearch.train import out_of_memory

    with (
        pytest.raises(OutOfMemoryError, match="memory is used up at step 1"),
        out_of_memory.explained("at step 1"),
    ):
        raise tf.errors.AbortedError(None, None, MESSAGE.format(1))
    with pytest.raises(tf.errors.AbortedError), out_of_memory.explained("at step 1"):
        raise tf.errors.AbortedError(None, None, MESSAGE.format(3))
