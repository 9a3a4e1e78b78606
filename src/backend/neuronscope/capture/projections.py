"""Directions onto which activations are projected: signs drawn once for all, and principal components of a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
SEED = 1
"""Of the drawn signs. It never changes, so that tiles of any two runs can be compared."""


def drawn_signs(width: int, cells: int, seed: int = SEED) -> F32:
    """``[width, cells]`` of ±1/√cells: the projection keeps lengths and distances, within about √(2 / cells) of them.

    The sign of unit ``u`` in cell ``c`` is that of bit ``u * cells + c`` (1 is plus) of the 64-bit words that NumPy's
    PCG64 gives for the seed, each word from its lowest bit. NumPy keeps what its bit generators give for ever.
    After Achlioptas, *Database-friendly random projections* (2003).
    """
    words = np.random.PCG64(seed).random_raw(-(-width * cells // 64))
    bits = np.unpackbits(words.astype("<u8").view(np.uint8), count=width * cells, bitorder="little")
    return np.where(bits.reshape(width, cells), 1, -1).astype(np.float32) / np.float32(cells**0.5)


def principal(values: F32, most: int) -> tuple[F32, F32]:
    """Means ``[unit]`` and the first ``most`` principal components ``[unit, component]`` of ``[unit, token]``.

    Of length 1, by falling variance, each with its largest weight by magnitude positive, as scikit-learn has them. There
    are fewer where the values don't vary in more directions. Found from the smaller of the two Gram matrices in float64,
    whose rounding stays below that of the float32 values.
    """
    rows = values.astype(np.float64)
    means = rows.mean(axis=1, keepdims=True)
    rows -= means
    wide = rows.shape[0] > rows.shape[1]
    squares, vectors = np.linalg.eigh(rows.T @ rows if wide else rows @ rows.T)
    squares, vectors = squares[::-1][:most], vectors[:, ::-1][:, :most]
    # What the rounding of float32 alone makes of a direction without variance is no component.
    floor = (
        max(rows.shape) * float(np.finfo(np.float32).eps) ** 2 * max(float(squares[0]), 0.0) if len(squares) else 0.0
    )
    vectors = vectors[:, squares > floor]
    found = rows @ vectors / np.sqrt(squares[squares > floor]) if wide else vectors
    largest = np.abs(found).argmax(axis=0)
    found = found * np.sign(found[largest, np.arange(found.shape[1])])
    return means[:, 0].astype(np.float32), found.astype(np.float32)
