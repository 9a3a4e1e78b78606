"""Whether an index holds exactly what brute force gives, and the texts and the model to ask that of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from backend.corpus.brute import Row, bare_values, indexed, rows_of, stored, strongest
from neuronscope.corpus.bins import BINS, edges
from neuronscope.corpus.index import Index
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import Sources

WORDS = st.text("ab é日\x00\n", max_size=70)


@st.composite
def corpora(draw: st.DrawFn) -> list[str]:
    """Texts shorter and longer than the context, empty ones, and some of them again."""
    texts = draw(st.lists(WORDS, min_size=1, max_size=8))
    again = draw(st.lists(st.sampled_from(texts), max_size=4))
    return draw(st.permutations(texts + again))


def check_exact(loaded: LoadedModel, texts: list[str], index: Index, sample: int = 512) -> None:
    """The index holds what brute force over the same batches gives: hits, excerpts, statistics and sample."""
    folder, manifest = index.folder, index.manifest
    rows = rows_of(loaded, texts, manifest.window)
    assert stored(folder, "tokens").tolist() == [i for row in rows for i in row.ids]
    values = bare_values(loaded, rows, stored(folder, "window_batches").tolist())
    assert indexed(folder) == strongest(loaded, rows, values, manifest.k)

    place = {(row.doc, row.window): number for number, row in enumerate(rows)}
    excerpts = stored(folder, "excerpts")
    for neuron, hits in enumerate(indexed(folder)):
        for slot, (_, doc, window, position) in enumerate(hits):
            column = values[place[doc, window]][:, neuron]
            around = np.zeros(33, np.float32)
            for offset in range(-16, 17):
                if 0 <= position + offset < len(column):
                    around[offset + 16] = column[position + offset]
            assert np.array_equal(excerpts[neuron, slot], around)

    special = set(loaded.tokenizer.all_special_ids)
    counted = np.concatenate([values[n][[i not in special for i in row.ids]] for n, row in enumerate(rows)]).astype(
        np.float64
    )
    assert manifest.tokens == len(counted)
    moments = stored(folder, "moments")
    assert np.allclose(moments[:, 0], counted.mean(0), rtol=1e-5, atol=1e-6)
    assert np.allclose(moments[:, 1], counted.std(0), rtol=1e-4, atol=1e-6)
    assert np.array_equal(moments[:, 2], counted.min(0))
    assert np.array_equal(moments[:, 3], counted.max(0))
    assert np.array_equal(moments[:, 4], (counted > 0).mean(0))

    check_sources_and_spread(loaded, texts, index, rows, values)
    where = stored(folder, "sample_keys").tolist()
    flat = [(number, position) for number, row in enumerate(rows) for position in range(len(row.ids))]
    expected = np.array([values[flat[key][0]][flat[key][1]] for key in where]).reshape(len(where), -1)
    assert np.array_equal(stored(folder, "sample_values"), expected.T)
    hashes = {
        key: place_hash(manifest.seed, rows[n].doc, rows[n].window, position)
        for key, (n, position) in enumerate(flat)
        if rows[n].ids[position] not in special
    }
    assert where == sorted(sorted(hashes, key=lambda key: (hashes[key], key))[:sample])


def check_sources_and_spread(
    loaded: LoadedModel, texts: list[str], index: Index, rows: list[Row], values: list[np.ndarray]
) -> None:
    """Each token's characters, and the histogram over exactly the tokens whose places the seed chooses."""
    folder, manifest = index.folder, index.manifest
    before = len(loaded.tokenizer("")["input_ids"])
    offsets = [loaded.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True) for text in texts]
    expected = []
    for row in rows:
        first = row.window * (manifest.window - before)
        pairs = offsets[row.doc]["offset_mapping"][first : first + len(row.ids) - before]
        expected += [[0, 0]] * before + [list(pair) for pair in pairs]
    assert stored(folder, "token_chars").tolist() == expected
    special = set(loaded.tokenizer.all_special_ids)
    chosen = np.array(
        [
            values[number][position]
            for number, row in enumerate(rows)
            for position, token in enumerate(row.ids)
            if token not in special
            and place_hash(manifest.seed, row.doc, row.window, position) < manifest.histogram * 2**64
        ]
    ).reshape(-1, manifest.total_units)
    assert manifest.sampled == len(chosen)
    table = stored(folder, "spread")
    for neuron in range(manifest.total_units):
        column = chosen[:, neuron].astype(float)
        right = np.searchsorted(edges(), column, side="right")
        at = np.where(column >= 0, right, np.searchsorted(edges(), column, side="left"))
        assert np.array_equal(table[neuron], np.bincount(at, minlength=BINS))
    powers = np.stack([(chosen.astype(np.float64) ** n).sum(0) for n in (1, 2, 3, 4)], axis=1)
    assert np.allclose(stored(folder, "powers"), powers, rtol=1e-9, atol=1e-12)


def place_hash(seed: int, doc: int, window: int, position: int) -> int:
    """SplitMix64 over the three numbers, in whole numbers of any size."""
    state, mask = seed, 2**64 - 1
    for part in (doc, window, position):
        state = ((state ^ part) + 0x9E3779B97F4A7C15) & mask
        state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & mask
        state = ((state ^ state >> 27) * 0x94D049BB133111EB) & mask
        state ^= state >> 31
    return state


def bundled_model() -> LoadedModel:
    """The model that ships with the program; the test is skipped where it has not been trained yet."""
    source = Sources().find("neuronscope/tiny")
    if source.folder is None or not list(source.folder.glob("*.safetensors")):
        pytest.skip("the bundled model has not been trained yet")
    return load(source)
