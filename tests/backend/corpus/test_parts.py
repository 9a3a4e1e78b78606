"""On a corpus whose parts are known: the top contexts of a selective neuron lie in the part that a full scan finds."""

from __future__ import annotations

from pathlib import Path

from backend.corpus.exact import bundled_model
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.readers import bundled
from support.parts import agreement, by_part, most_selective, parts_of_contexts, scan

DOCUMENTS = 400


def test_top_contexts_recover_the_parts_of_the_bundled_corpus(tmp_path: Path) -> None:
    """Measured on 2,000 documents: 100 of the 100 most selective, 105 of 130 where each part gives ten (docs/parts.md)."""
    loaded, corpus = bundled_model(), bundled(DOCUMENTS)
    found = scan(loaded, corpus)
    index = build_index(loaded, corpus, tmp_path / "x")
    assert found.tokens.sum() == index.manifest.tokens
    mine = parts_of_contexts(index, found)
    assert len(mine) == index.manifest.total_units
    first = agreement(found, mine, most_selective(found, 100), "all")
    assert first.agree >= 98
    rows = by_part(found, mine, 10)
    assert len(rows) == 13
    assert sum(row.agree for row in rows) / sum(row.neurons for row in rows) > 0.7
    chance = (found.best == mine).mean()
    assert first.agree / 100 > chance, "it is selectivity that makes them agree"
