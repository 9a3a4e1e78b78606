from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronscope.corpus import gram_order
from neuronscope.corpus.columns import Rows, in_lots
from neuronscope.corpus.files import save
from neuronscope.corpus.gram_order import count_runs, write_order


def by_hand(windows: list[list[int]]) -> list[int]:
    """Places by the five tokens from each on, -1 beyond a window's end, then by place, sorted by Python."""
    runs = [tuple([*w[at:], *[-1] * 5][:5]) for w in windows for at in range(len(w))]
    return sorted(range(len(runs)), key=lambda place: (runs[place], place))


def corpus_of(windows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([i for w in windows for i in w], np.int32), np.cumsum([0, *map(len, windows)])


@settings(max_examples=150, deadline=None)
@given(
    windows=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=9), min_size=1, max_size=12),
    again=st.integers(1, 5),
    at_once=st.integers(1, 30),
    files=st.integers(2, 4),
    read=st.integers(1, 20),
)
def test_places_sorted_in_parts_come_as_if_sorted_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    windows: list[list[int]],
    again: int,
    at_once: int,
    files: int,
    read: int,
) -> None:
    windows = windows * again  # ties, over and over
    tokens, starts = corpus_of(windows)
    folder = tmp_path_factory.mktemp("order")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gram_order, "FILES", files)
        patch.setattr(gram_order, "LOT", read)
        patch.setattr(gram_order, "WINDOWS", max(1, read // 3))
        write_order(folder / "gram_order.npy", tokens, starts, at_once)
    assert np.load(folder / "gram_order.npy").tolist() == by_hand(windows)
    assert [path.name for path in folder.iterdir()] == ["gram_order.npy"], "what was dealt out is gone"


@pytest.mark.parametrize(
    "windows",
    [
        [[7] * 900],
        [[7] * 9] * 100,
        [[3, 1, 2] * 40, [0], [3, 1, 2] * 40],
        [[n % 300 for n in range(1200)]],
        [[5, n] for n in range(300)] * 2,
    ],
    ids=["one token", "one window", "a refrain", "all unlike", "one first token"],
)
def test_tokens_of_very_unlike_frequency_are_dealt_out_as_far_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, windows: list[list[int]]
) -> None:
    most = 0
    lexsort = np.lexsort

    def watched(keys: np.ndarray) -> np.ndarray:
        nonlocal most
        most = max(most, keys.shape[1])
        return lexsort(keys)

    monkeypatch.setattr(np, "lexsort", watched)
    tokens, starts = corpus_of(windows)
    write_order(tmp_path / "gram_order.npy", tokens, starts, 20)
    assert np.load(tmp_path / "gram_order.npy").tolist() == by_hand(windows)
    assert most <= 20, "never more at once than was said"


def test_files_give_the_same_as_arrays_and_a_cut_off_attempt_is_no_hindrance(tmp_path: Path) -> None:
    windows = [[3, 1, 2] * 9, [0, 3, 1], [2] * 30]
    tokens, starts = corpus_of(windows)
    save(tmp_path / "tokens.npy", tokens)
    save(tmp_path / "starts.npy", starts)
    (tmp_path / "gram_order.parts").mkdir()
    (tmp_path / "gram_order.parts" / "0.npy").write_bytes(b"cut")
    with Rows(tmp_path / "tokens.npy") as some, Rows(tmp_path / "starts.npy") as edges:
        write_order(tmp_path / "gram_order.npy", some, edges, 8)
    assert np.load(tmp_path / "gram_order.npy").tolist() == by_hand(windows)
    assert not (tmp_path / "gram_order.parts").exists()


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gram_order, "LOT", 1 << 12)
    monkeypatch.setattr(gram_order, "in_lots", lambda rows: in_lots(rows, 1 << 12))
    tokens = (1 / np.random.default_rng(0).uniform(0.002, 1, 200_000)).astype(np.int32)  # half of them alike
    starts = np.arange(0, len(tokens) + 1, 500)
    special = np.zeros(tokens.max() + 1, np.bool_)
    peaks = []
    for share in (4, 1):
        save(tmp_path / "tokens.npy", tokens[: len(tokens) // share])
        save(tmp_path / "starts.npy", starts[: len(starts) // share + 1])
        with Rows(tmp_path / "tokens.npy") as some, Rows(tmp_path / "starts.npy") as edges:
            tracemalloc.start()
            write_order(tmp_path / "gram_order.npy", some, edges, 1 << 12)
            count_runs(some, edges, special)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # Of four times the tokens. What else this process happens to do at the time is counted, too.
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 8 * len(tokens) / 2, "less than half of the order itself"
