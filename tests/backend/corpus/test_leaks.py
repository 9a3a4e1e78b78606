"""Documents never see each other: what a hit says is what its window gives when it is read all by itself."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.corpus.brute import bare_values, indexed, rows_of, stored
from backend.corpus.exact import bundled_model
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import Sources

HITS = 1000
RANDOM = np.random.default_rng(11)
WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "23",
    "+",
    "45",
    "=",
    "68",
    "and",
    "la",
    "fille",
    "mange",
    "while",
    "def",
    "f(x):",
    "return",
    "x",
    "joy",
    "of",
    "green",
    "rivers",
]


def _texts() -> list[str]:
    """Of very unequal lengths, so that rows of one batch are padded and stand beside unlike ones."""
    lengths = RANDOM.geometric(0.04, 160).clip(1, 150)
    return [" ".join(RANDOM.choice(WORDS, int(n))) for n in lengths]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_thousand_hits_equal_their_own_windows_alone(dtype: str, tmp_path: Path) -> None:
    loaded: LoadedModel = (
        bundled_model() if dtype == "float32" else load(Sources().find("neuronscope/tiny"), dtype=dtype)
    )
    texts = _texts()
    index = build_index(loaded, from_texts(texts), tmp_path / "x", k=8, settings=Settings(batch_tokens=900, window=64))
    batches = stored(index.folder, "window_batches")
    assert np.bincount(batches).max() > 10, "windows stand together"
    rows = rows_of(loaded, texts, 64)
    at = {(row.doc, row.window): number for number, row in enumerate(rows)}
    every = [(neuron, hit) for neuron, hits in enumerate(indexed(index.folder)) for hit in hits]
    by_window: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for n in RANDOM.choice(len(every), HITS, replace=False):
        neuron, (value, doc, window, position) = every[n]
        by_window[at[doc, window]].append((neuron, position, value))
    assert len(by_window) > 50
    alone = bare_values(loaded, [rows[n] for n in by_window], list(range(len(by_window))))
    spread = stored(index.folder, "moments")[:, 1]
    # Rounding grows with what is added up, which a neuron's own spread tells better than one value of it.
    tolerance = 60 * torch.finfo(getattr(torch, dtype)).eps
    for values, hits in zip(alone, by_window.values(), strict=True):
        for neuron, position, value in hits:
            assert abs(float(values[position, neuron]) - value) <= tolerance * max(abs(value), spread[neuron])
