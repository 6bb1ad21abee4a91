"""Which earlier features each layer of a block reads.

A wiring rule is a plain function from a layer's number to the numbers of the features that it
reads. Feature 0 is the block's input; layer ``i`` (from 1) writes feature ``i``. Nothing here
knows about channels, shapes or Keras.
"""


def dense(layer: int) -> tuple[int, ...]:
    """Read everything written so far (Huang et al., 2017).

    >>> dense(4)
    (0, 1, 2, 3)
    """
    return tuple(range(layer))
