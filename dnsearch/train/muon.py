"""Muon's step: the momentum of a kernel, made nearly orthogonal (Jordan et al., 2024).

A kernel of shape (height, width, channels, filters) is the matrix (height × width × channels, filters). With
its singular values all brought near 1, no direction is too small to be learned. Five turns of

    X ← a·X + X·(b·A + c·A²)    A = XᵀX    (a, b, c) = (3.4445, −4.7750, 2.0315)

bring singular values between 0.01 and 1 into about 0.7 to 1.2; X starts as the matrix divided by its norm.
The step is then multiplied by 0.2·√max(rows, columns), so that its elements are as large as AdamW's and its
learning rate and decay fit (Liu et al., 2025, arXiv 2502.16982).

``keras.optimizers.Muon`` gives AdamW to everything but matrices, all convolutions included; so it is written
out here. A DenseNet has many small kernels: those with equally many filters are stacked, filled up with rows
of zeros, which stay zeros, and made orthogonal in one go.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import tensorflow as tf

Tensor = Any

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
TURNS = 5
ADAM_SIZED = 0.2


def muon_steps(directions: Sequence[Tensor]) -> list[Tensor]:
    """What a learning rate of 1 takes off each kernel.

    Args:
        directions: momentum of shape (height, width, channels, filters).
    """
    steps: dict[int, Tensor] = {}
    by_filters = sorted(range(len(directions)), key=lambda number: directions[number].shape[-1])
    for filters, group in groupby(by_filters, key=lambda number: directions[number].shape[-1]):
        numbers = list(group)
        matrices = [tf.reshape(directions[number], (-1, filters)) for number in numbers]
        for number, step in zip(numbers, _of_one_width(matrices), strict=True):
            steps[number] = tf.reshape(step, directions[number].shape)
    return [steps[number] for number in range(len(directions))]


def _of_one_width(matrices: Sequence[Tensor]) -> list[Tensor]:
    """The steps of matrices with equally many columns."""
    rows = [matrix.shape[0] for matrix in matrices]
    filled = [
        tf.pad(matrix, [[0, max(rows) - own], [0, 0]]) for matrix, own in zip(matrices, rows, strict=True)
    ]
    found = tf.unstack(orthogonal(tf.stack(filled)))
    return [
        each[:own] * (ADAM_SIZED * math.sqrt(max(own, each.shape[1])))
        for each, own in zip(found, rows, strict=True)
    ]


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices of shape ``(many, rows, columns)`` with their singular values brought near 1."""
    a, b, c = COEFFICIENTS
    found = matrices / (tf.norm(matrices, axis=(1, 2), keepdims=True) + 1e-7)
    for _ in range(TURNS):
        gram = tf.matmul(found, found, transpose_a=True)
        found = a * found + tf.matmul(found, b * gram + c * tf.matmul(gram, gram))
    return found
