from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neuronscope.corpus.ngrams import Gram, count_grams, grams_at


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=9), min_size=1, max_size=6),
    st.integers(1, 4),
    st.data(),
)
def test_counts_equal_a_count_by_hand(windows: list[list[int]], n: int, data: st.DataObject) -> None:
    special = np.array([True, False, False, False, False])
    tokens = np.array([token for window in windows for token in window], np.int32)
    starts = np.cumsum([0, *(len(window) for window in windows)])
    places = [(w, p) for w, window in enumerate(windows) for p in range(len(window))]
    peaks = data.draw(st.lists(st.sampled_from(places), max_size=20))
    values = np.array(data.draw(st.lists(st.sampled_from([0.5, 1, 2, -3]), min_size=len(peaks), max_size=len(peaks))))
    by_hand: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for (w, p), value in zip(peaks, values.tolist(), strict=True):
        run = tuple(windows[w][max(0, p - n + 1) : p + 1])
        if len(run) == n and 0 not in run:
            by_hand[run].append(value)
    expected = sorted(
        (Gram(run, max(found), sum(found) / len(found), len(found)) for run, found in by_hand.items()),
        key=lambda gram: (-gram.max, -gram.count, gram.ids),
    )
    keys = np.array([starts[w] + p for w, p in peaks], np.int64)
    ids, whole = grams_at(tokens, special, keys, np.array([starts[w] for w, _ in peaks], np.int64), n)
    assert count_grams(ids[whole], values[whole].astype(np.float32)) == expected


def test_ids_of_any_size_do_not_run_together() -> None:
    big = 2**31 - 1
    ids = np.array([[big, 0, 1], [big, 0, 1], [0, big, 1], [1, big, 0]], np.int64)
    found = count_grams(ids, np.array([1, 2, 3, 4], np.float32))
    assert [(gram.ids, gram.count) for gram in found] == [((1, big, 0), 1), ((0, big, 1), 1), ((big, 0, 1), 2)]
