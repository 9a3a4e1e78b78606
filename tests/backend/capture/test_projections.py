from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from neuronscope.capture.projections import SEED, drawn_signs, principal


def test_signs_are_the_bits_of_the_seeds_words() -> None:
    """Bit by bit, in Python's own whole numbers."""
    words = [int(word) for word in np.random.PCG64(SEED).random_raw(6)]
    found = drawn_signs(48, 7)
    for unit in range(48):
        for cell in range(7):
            word, bit = divmod(unit * 7 + cell, 64)
            assert found[unit, cell] == np.float32(1 if words[word] >> bit & 1 else -1) / np.float32(7**0.5)


def test_the_drawn_projection_never_changes() -> None:
    """Tiles of runs made years apart are compared: these signs were written down once."""
    rows = ["".join("+" if sign > 0 else "-" for sign in row) for row in drawn_signs(4, 16)]
    assert rows == ["++++++++--+--+++", "-+---+--+--++++-", "++--+++++-++++-+", "-++-----++-----+"]


def test_drawn_signs_keep_lengths_and_distances() -> None:
    random = np.random.default_rng(3)
    one, two = random.normal(size=(2, 50, 3072)).astype(np.float32)
    signs = drawn_signs(3072, 1024)
    for values in (one, one - two):
        share = np.linalg.norm(values @ signs, axis=1) / np.linalg.norm(values, axis=1)
        assert np.abs(share - 1).max() < 4 * (2 / 1024) ** 0.5


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (48, 49)])
def test_components_are_those_of_scikit_learn(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    values = (random.normal(size=shape) * random.uniform(0.1, 9, (shape[0], 1)) + 5).astype(np.float32)
    means, found = principal(values, 20)
    expected = PCA(20, svd_solver="full").fit(values.T.astype(np.float64))
    assert found.shape == (shape[0], 20)
    assert np.abs(means - expected.mean_).max() < 1e-5
    assert np.abs(found - expected.components_.T).max() < 1e-5


def test_directions_without_variance_are_no_components() -> None:
    random = np.random.default_rng(1)
    values = (random.normal(size=(60, 3)) @ random.normal(size=(3, 25)) + 100).astype(np.float32)
    exact = np.concatenate([np.repeat(np.eye(3, dtype=np.float32), 5, axis=1), np.ones((8, 15), np.float32)])
    for given, rank in ((exact, 2), (np.ones((4, 9), np.float32), 0)):
        _, found = principal(given, 8)
        assert found.shape == (len(given), rank)
    means, found = principal(values, 3)
    centred = values - means[:, None]
    assert np.abs(found @ (found.T @ centred) - centred).max() < 1e-3
    assert np.abs(found.T @ found - np.eye(3)).max() < 1e-5
