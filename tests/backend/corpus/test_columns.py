from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronscope.corpus import columns
from neuronscope.corpus.columns import Rows, added, counts_of, in_lots, last_up_to, values_at
from neuronscope.corpus.files import save


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (7, 2), (0, 3)])
def test_rows_of_a_file_are_those_of_the_array(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    save(tmp_path / "a.npy", array)
    with Rows(tmp_path / "a.npy") as rows:
        assert len(rows) == len(array)
        for part in (slice(None), slice(2, 5), slice(5, 99), slice(3, 2), slice(-2, None)):
            assert rows[part].dtype == array.dtype
            assert np.array_equal(rows[part], array[part])
        assert [lot.tolist() for lot in in_lots(rows, 3)] == [lot.tolist() for lot in in_lots(array, 3)]


@given(
    steps=st.lists(st.integers(0, 3), max_size=30),
    wanted=st.lists(st.integers(0, 40), max_size=20),
    lot=st.integers(1, 9),
)
def test_look_ups_in_lots_equal_those_in_the_whole(steps: list[int], wanted: list[int], lot: int) -> None:
    column, numbers = np.cumsum([0, *steps]), np.array(sorted(wanted), np.int64)
    rows = np.array(sorted(n % len(column) for n in wanted), np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "in_lots", lambda some: in_lots(some, lot))
        row, value = last_up_to(column, numbers)
        found = values_at(column, rows)
        counts = counts_of(column)
    assert row.tolist() == [max(n for n, entry in enumerate(column) if entry <= number) for number in numbers]
    assert value.tolist() == column[row].tolist()
    assert found.tolist() == column[rows].tolist()
    assert counts.tolist() == [int((column == n).sum()) for n in range(column[-1] + 1)]


def test_counts_of_unlike_lengths_are_added_up() -> None:
    assert added(np.array([1, 2]), np.array([1, 0, 5])).tolist() == [2, 2, 5]
    assert added(np.array([1, 0, 5]), np.array([1, 2])).tolist() == [2, 2, 5]
    assert counts_of(np.zeros(0, np.int32)).tolist() == []
