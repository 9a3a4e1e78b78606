from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuronscope.core.errors import Damaged
from neuronscope.corpus.files import Appender, load, save


def test_a_file_can_grow_and_reads_as_npy(tmp_path: Path) -> None:
    rows = np.arange(30, dtype=np.float32).reshape(10, 3)
    with Appender(tmp_path / "a.npy", np.float32, (3,)) as file:
        for start in range(0, 10, 4):
            file.append(rows[start : start + 4])
    assert np.array_equal(np.load(tmp_path / "a.npy"), rows)
    assert np.array_equal(load(tmp_path / "a.npy", np.float32, (10, 3)), rows)


def test_a_file_without_rows(tmp_path: Path) -> None:
    save(tmp_path / "a.npy", np.zeros((0, 2), np.int32))
    assert load(tmp_path / "a.npy", np.int32, (0, 2)).shape == (0, 2)


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows of shape"), Appender(tmp_path / "a.npy", np.int32, (3,)) as file:
        file.append(np.zeros((2, 2)))


@pytest.mark.parametrize("cut", [0, 10, 100, 128, 150, 199])
def test_a_file_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    save(tmp_path / "a.npy", np.arange(18, dtype=np.int32))
    data = (tmp_path / "a.npy").read_bytes()
    assert len(data) == 200
    (tmp_path / "a.npy").write_bytes(data[:cut])
    with pytest.raises(Damaged, match=r"a\.npy"):
        load(tmp_path / "a.npy", np.int32, (18,))


def test_a_file_of_another_kind_is_damaged(tmp_path: Path) -> None:
    save(tmp_path / "a.npy", np.arange(4, dtype=np.int32))
    for dtype, shape in ((np.int64, (4,)), (np.int32, (5,)), (np.int32, (4, 1))):
        with pytest.raises(Damaged, match="as its manifest says"):
            load(tmp_path / "a.npy", dtype, shape)
    np.save(tmp_path / "b.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(Damaged):
        load(tmp_path / "b.npy", np.int32, (1,))
    np.savez(tmp_path / "c.npz", a=np.zeros(1, np.int32))
    (tmp_path / "c.npz").rename(tmp_path / "c.npy")
    with pytest.raises(Damaged):
        load(tmp_path / "c.npy", np.int32, (1,))
    with pytest.raises(Damaged):
        load(tmp_path / "nothing.npy", np.int32, (1,))
