from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import normalize, scale

from neuronscope.analysis.matrix import normalised, prepare
from neuronscope.core.errors import BadRequest


def values(units: int = 20, tokens: int = 9) -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.normal(size=(units, tokens)) * rng.uniform(0.1, 9, (units, 1)) + 5).astype(np.float32)


def test_normalising_equals_scikit_learn() -> None:
    table = values().astype(np.float64)
    assert np.allclose(normalised(table, "zscore"), scale(table, axis=1))
    assert np.allclose(normalised(table, "unit"), normalize(table))
    assert np.array_equal(normalised(table, "none"), table)
    with pytest.raises(BadRequest, match="no way to normalise"):
        normalised(table, "log")


def test_the_most_variable_units_are_kept_in_order() -> None:
    table = values()
    table[4] = 7.0
    table[11] = table[2]
    expected = sorted(sorted(range(20), key=lambda unit: (-table[unit].astype(np.float64).var(), unit))[:6])
    prepared = prepare(table, max_units=6, normalise="none")
    assert prepared.rows.tolist() == expected
    assert prepared.constant.tolist() == [4]
    assert np.array_equal(prepared.values, table[expected])
    everything = prepare(table, max_units=100)
    assert everything.rows.tolist() == [unit for unit in range(20) if unit != 4]


def test_of_equal_units_the_earlier_are_kept() -> None:
    table = np.tile(np.array([0.0, 1.0, 0.0]), (6, 1))
    assert prepare(table, max_units=4).rows.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (np.zeros((9, 1)), "activations of 1 tokens"),
        (np.zeros((9, 0)), "activations of 0 tokens"),
        (np.ones((9, 5)), "Only 0 neurons change"),
        (np.eye(3), "Only 3 neurons change"),
        (np.zeros((0, 5)), "Only 0 neurons"),
        (np.full((9, 5), np.nan), "not a number"),
    ],
)
def test_values_that_can_not_be_analysed_are_refused(table: np.ndarray, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        prepare(table, max_units=100)
