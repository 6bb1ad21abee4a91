"""When memory is used up, said in a sentence that helps."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from dnsearch.errors import OutOfMemoryError


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
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        hint = "A smaller training.batch_size needs less, and so does a smaller network."
        raise OutOfMemoryError(f"memory is used up {moment}.\n  {hint}") from error
