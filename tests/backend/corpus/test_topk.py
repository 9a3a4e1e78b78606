from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronscope.corpus.moments import BLOCK
from neuronscope.corpus.topk import NO_KEY, RADIUS, WIDTH, Batch, TopK
from neuronscope.corpus.topk_cpu import CpuTopK

UNITS = 5


@st.composite
def batches(draw: st.DrawFn) -> list[np.ndarray]:
    """Grids ``[row, position, unit]`` of small whole numbers, so that ties abound; some -0.0, infinite or NaN."""
    value = st.sampled_from([-2.0, -1.0, -0.0, 0.0, 1.0, 1.0, 2.0, 3.0, np.nan, np.inf, -np.inf])
    grids = []
    for _ in range(draw(st.integers(1, 5))):
        rows, positions = draw(st.integers(1, 4)), draw(st.integers(1, 40))
        cells = draw(st.lists(value, min_size=UNITS, max_size=UNITS * 8))
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        grids.append(rng.choice(cells, (rows, positions, UNITS)).astype(np.float32))
    return grids


@settings(max_examples=150, deadline=None)
@given(
    batches(),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
    st.sampled_from(["float32", "bfloat16"]),
    st.sampled_from([lambda k: CpuTopK(UNITS, k), lambda k: TopK(UNITS, k, torch.device("cpu"))]),
)
def test_it_keeps_what_sorting_everything_keeps(
    grids: list[np.ndarray], k: int, random: Random, dtype: str, make: Callable[[int], CpuTopK | TopK]
) -> None:
    lengths = [[random.randint(1, g.shape[1]) for _ in range(g.shape[0])] for g in grids]
    # Rows get their places in the corpus in a random order: batches come sorted by length, not by document.
    places = [(b, r) for b, g in enumerate(grids) for r in range(g.shape[0])]
    order = places[:]
    random.shuffle(order)
    start, at = {}, 0
    for b, r in order:
        start[b, r] = at
        at += lengths[b][r]
    state = make(k)
    every: list[list[tuple[float, int, list[float]]]] = [[] for _ in range(UNITS)]
    for b, grid in enumerate(grids):
        rows = sorted(range(grid.shape[0]), key=lambda r: start[b, r])
        grid, length = grid[rows], [lengths[b][r] for r in rows]
        flat, keys = [], []
        for row, r in enumerate(rows):
            for position in range(length[row]):
                if random.random() < 0.2:
                    continue  # a special token
                flat.append(row * grid.shape[1] + position)
                keys.append(start[b, r] + position)
                for unit in range(UNITS):
                    value = float(grid[row, position, unit])
                    around = [
                        float(grid[row, p, unit]) if 0 <= p < length[row] else 0.0
                        for p in range(position - RADIUS, position + RADIUS + 1)
                    ]
                    if not np.isnan(value):
                        every[unit].append((value, keys[-1], around))
        if not flat:
            continue
        tensor = torch.from_numpy(grid).to(getattr(torch, dtype))
        counted = tensor.reshape(-1, UNITS)[flat].float()
        highest = torch.stack([block.amax(0) for block in counted.split(BLOCK)])
        key_of_cell = torch.full((grid.shape[0] * grid.shape[1],), -1)
        key_of_cell[flat] = torch.tensor(keys)
        batch = Batch(torch.tensor(flat), key_of_cell, torch.tensor(length), grid.shape[1], keys[0])
        state.update(tensor, highest, batch)
    values, kept_keys, excerpts = state.ranked()
    for unit in range(UNITS):
        expected = sorted(every[unit], key=lambda hit: (-hit[0], hit[1]))[:k]
        n = len(expected)
        assert values[unit, :n].tolist() == [hit[0] for hit in expected]
        assert kept_keys[unit].tolist() == [hit[1] for hit in expected] + [NO_KEY] * (k - n)
        kept = excerpts[unit, :n].numpy()
        assert np.array_equal(kept, np.array([hit[2] for hit in expected]).reshape(n, WIDTH), equal_nan=True)
        assert bool((values[unit, n:] == -torch.inf).all())
    # What lies between two keys, taken in by another state, is what sorting that keeps.
    half = at // 2
    other = CpuTopK(UNITS, k)
    other.absorb(state.between(half, at))
    for unit in range(UNITS):
        best = sorted(every[unit], key=lambda hit: (-hit[0], hit[1]))[:k]
        later = [(hit[0], hit[1]) for hit in best if hit[1] >= half]
        n = len(later)
        kept = zip(other.ranked()[0][unit, :n].tolist(), other.ranked()[1][unit, :n].tolist(), strict=True)
        assert list(kept) == later
