from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from backend.corpus.brute import indexed, stored, tiny_llama
from neuronscope.core.address import Unit
from neuronscope.core.errors import BadAddress, BadRequest, Conflict
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.compare import compare
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts
from neuronscope.models.loading.loader import wrap
from support.families import tiny_model
from support.tokenizers import tiny_tokenizer

CATS = ["a cat sat on a cat", "the cat sat", "a cat", "on the mat " * 6]
DOGS = ["a dog ran", "the dog sat on the mat", "on the mat " * 3]
UNIT = Unit.parse("mlp_act.1:4")
ROW = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def cats(folder: Path) -> Index:
    return build_index(tiny_llama(), from_texts(CATS, "cats"), folder / "cats", k=6, settings=Settings(sample=50))


@pytest.fixture(scope="module")
def dogs(folder: Path) -> Index:
    return build_index(tiny_llama(), from_texts(DOGS, "dogs"), folder / "dogs", k=9)


@pytest.fixture(scope="module")
def tuned(folder: Path) -> Index:
    """The same texts through other weights."""
    return build_index(
        tiny_llama(seed=1), from_texts(CATS, "cats"), folder / "tuned", k=6, settings=Settings(sample=30)
    )


def peaks(index: Index, texts: list[str], row: int, kept: int, n: int) -> Counter[tuple[str, ...]]:
    """What a unit's kept peaks end on, from the texts themselves: each byte is a token."""
    loaded, found = tiny_llama(), Counter[tuple[str, ...]]()
    for _, doc, window, position in indexed(index.folder)[row][:kept]:
        ids = loaded.tokenizer(texts[doc], add_special_tokens=False)["input_ids"]
        start = window * index.manifest.stride
        end = start + position
        run = ids[max(start, end - n) : end]
        if len(run) == n:
            found[tuple(loaded.token_text(i) for i in run)] += 1
    return found


def overlap(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    return sum(min(one[key] / one.total(), other[key] / other.total()) for key in one)


def test_one_model_over_two_corpora(cats: Index, dogs: Index) -> None:
    found = compare(cats, UNIT, dogs, k=3)
    assert (found.same_model, found.same_corpus, found.kept) == (True, False, 6)
    assert (found.shared_places, found.correlation) == (None, None)
    for side, index in ((found.first, cats), (found.second, dogs)):
        assert side.contexts == index.top(UNIT, k=3)
        assert side.stats == index.stats(UNIT)
        assert (side.index_id, side.corpus, side.unit) == (index.id, index.manifest.corpus, "mlp_act.1:4")
    for n, told in ((1, found.token_overlap), (2, found.ngram_overlap)):
        sides = [peaks(index, texts, ROW, 6, n) for index, texts in ((cats, CATS), (dogs, DOGS))]
        assert told == pytest.approx(overlap(*sides))
        pairs = found.tokens if n == 1 else [pair for pair in found.ngrams if len(pair.tokens) == 2]
        for place, side in enumerate(sides):
            stats = {tuple(p.tokens): (p.first, p.second)[place] for p in pairs}
            assert {key: stat.count for key, stat in stats.items() if stat is not None} == side
    both = [pair.first is not None and pair.second is not None for pair in found.tokens]
    assert both == sorted(both, reverse=True)


def test_two_models_over_one_corpus(cats: Index, tuned: Index) -> None:
    found = compare(cats, UNIT, tuned, k=3)
    assert (found.same_model, found.same_corpus) == (False, True)
    places = [{hit[1:] for hit in indexed(index.folder)[ROW]} for index in (cats, tuned)]
    assert found.shared_places == len(places[0] & places[1])
    keys = [stored(index.folder, "sample_keys") for index in (cats, tuned)]
    common = np.intersect1d(*keys)
    values = [
        stored(index.folder, "sample_values")[ROW][np.isin(key, common)]
        for index, key in zip((cats, tuned), keys, strict=True)
    ]
    assert len(common) == 30
    assert found.correlation == pytest.approx(np.corrcoef(*values)[0, 1])


def test_two_units_of_one_index(cats: Index) -> None:
    found = compare(cats, UNIT, cats, Unit.parse("mlp_act.0:2"))
    assert found.second.unit == "mlp_act.0:2"
    values = stored(cats.folder, "sample_values")[[ROW, 2]].astype(np.float64)
    assert found.correlation == pytest.approx(np.corrcoef(values)[0, 1])
    again = compare(cats, UNIT, cats, Unit.parse("mlp_act.1:5"))
    assert 0 <= again.token_overlap <= 1


def test_a_comparison_that_says_nothing_is_refused(cats: Index, dogs: Index, tuned: Index, folder: Path) -> None:
    with pytest.raises(BadRequest, match="compared with itself"):
        compare(cats, UNIT, cats)
    with pytest.raises(Conflict, match="differ in model and in corpus"):
        compare(tuned, UNIT, dogs)
    with pytest.raises(BadAddress, match="out of range"):
        compare(cats, UNIT, dogs, Unit.parse("mlp_act.1:12"))
    wide = wrap(tiny_model("gpt2"), tiny_tokenizer(97), "gpt2")
    texts = from_texts(["abc" * 9])
    narrow = wrap(tiny_model("llama"), tiny_tokenizer(97), "llama")
    one = build_index(wide, texts, folder / "wide", k=3)
    other = build_index(narrow, texts, folder / "narrow", k=3)
    with pytest.raises(Conflict, match="has 128 units in gpt2 and 48 in llama"):
        compare(one, UNIT, other)
    assert compare(one, UNIT, other, Unit.parse("mlp_act.1:4")).same_corpus
    vocabulary = (folder / "narrow" / "vocabulary.json").read_text()
    (folder / "narrow" / "vocabulary.json").write_text(vocabulary.replace('"a"', '"z"'))
    with pytest.raises(Conflict, match=r"cut texts differently: token \d+ is 'a' and 'z'"):
        compare(one, UNIT, Index.open(folder / "narrow"))
