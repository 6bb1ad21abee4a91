"""When memory is used up, said in a sentence that helps."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from dnsearch.errors import OutOfMemoryError

ONEDNN_OUT_OF_MEMORY = "exception:Status: 1,"
"""oneDNN's status 1 (``dnnl_out_of_memory``), as TensorFlow tells of it; it does not say what it means."""


@contextlib.contextmanager
def explained(moment: str) -> Iterator[None]:
    """Turn a lack of memory, the processor's or the graphics card's, into a OutOfMemoryError.

    Args:
        moment: when it happens, such as ``at step 1 of epoch 1``.

    Raises:
        OutOfMemoryError: memory is used up.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.AbortedError, MemoryError) as error:
        if isinstance(error, tf.errors.AbortedError) and ONEDNN_OUT_OF_MEMORY not in str(error):
            raise
        hint = "A smaller training.batch_size needs less, and so does a smaller network."
        raise OutOfMemoryError(f"memory is used up {moment}.\n  {hint}") from error
