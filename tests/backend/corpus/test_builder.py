from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.corpus.brute import (
    CONTEXT,
    NEURONS,
    Row,
    bare_values,
    indexed,
    rows_of,
    stored,
    strongest,
    tiny_llama,
)
from neuronscope.core.address import Address
from neuronscope.core.errors import (
    BadAddress,
    BadRequest,
    Cancelled,
    Conflict,
    PointUnavailable,
    StorageFull,
    UnsupportedModel,
)
from neuronscope.corpus import files
from neuronscope.corpus.bins import BINS, edges
from neuronscope.corpus.builder import build_index, choose_addresses
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import Corpus, Document, bundled, from_texts
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import load, wrap
from neuronscope.models.loading.sources import Sources, folder_source
from support.families import tiny_model
from support.tokenizers import tiny_tokenizer

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


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=corpora(),
    k=st.integers(1, 9),
    batch_tokens=st.integers(1, 150),
    shard=st.integers(1, 6),
    window=st.integers(4, CONTEXT),
    act=st.sampled_from(["silu", "relu"]),
    dtype=st.sampled_from(["float32", "bfloat16"]),
    bos=st.booleans(),
    seed=st.integers(0, 3),
)
def test_an_index_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    k: int,
    batch_tokens: int,
    shard: int,
    window: int,
    act: str,
    dtype: str,
    bos: bool,
    seed: int,
) -> None:
    loaded = tiny_llama(act, seed, dtype, bos)
    chosen = Settings(window=window, batch_tokens=batch_tokens, shard=shard, sample=7, histogram=0.4)
    folder = tmp_path_factory.mktemp("index") / "x"
    if not any(texts):
        with pytest.raises(BadRequest, match="no text"):
            build_index(loaded, from_texts(texts), folder, k=k, settings=chosen)
        assert not list(folder.parent.iterdir())
        return
    check_exact(loaded, texts, build_index(loaded, from_texts(texts), folder, k=k, settings=chosen), sample=7)


STORY = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
ODD = ["", STORY, "Ça, c'est une 猫 que j'ai vue 🙂.", STORY * 20, "", STORY, "a", "\u202eright to left שלום\n"]


def test_an_index_of_a_trained_model_equals_brute_force(stories260k: Path, tmp_path: Path) -> None:
    loaded = load(folder_source(stories260k))
    index = build_index(loaded, from_texts(ODD), tmp_path / "x", k=8, settings=Settings(batch_tokens=700))
    assert index.manifest.documents == len(ODD)
    assert index.manifest.windows > len(ODD) - 2, "one text is longer than the context"
    check_exact(loaded, ODD, index)


def bundled_model() -> LoadedModel:
    """The model that ships with the program; the test is skipped where it has not been trained yet."""
    source = Sources().find("neuronscope/tiny")
    if source.folder is None or not list(source.folder.glob("*.safetensors")):
        pytest.skip("the bundled model has not been trained yet")
    return load(source)


def test_an_index_of_the_bundled_model_equals_brute_force(tmp_path: Path) -> None:
    loaded = bundled_model()
    texts = ODD + [document.text for document in bundled(40)]
    check_exact(loaded, texts, build_index(loaded, from_texts(texts), tmp_path / "x", k=8))


def test_tokens_and_positions_are_those_of_a_prompt(tmp_path: Path) -> None:
    loaded = tiny_llama()
    index = build_index(loaded, from_texts(["", "a cat"]), tmp_path / "x", k=1)
    assert stored(index.folder, "tokens").tolist() == list(loaded.encode("a cat").ids)


def test_batches_are_formed_of_windows_of_like_length(tmp_path: Path) -> None:
    texts = ["a" * n for n in (3, 20, 4, 19, 3, 20)]
    index = build_index(tiny_llama(), from_texts(texts), tmp_path / "x", settings=Settings(batch_tokens=64))
    assert stored(index.folder, "window_batches").tolist() == [1, 0, 1, 0, 1, 0]


def test_the_sample_depends_on_places_alone(tmp_path: Path) -> None:
    texts = ["abcdefgh" * 5, "xyz", "", "hello there"] * 3
    keys = set()
    for number, (batch, shard) in enumerate([(30, 1), (200, 5), (1000, 100)]):
        chosen = Settings(batch_tokens=batch, shard=shard, sample=11)
        index = build_index(tiny_llama(), from_texts(texts), tmp_path / str(number), settings=chosen)
        keys.add(tuple(stored(index.folder, "sample_keys").tolist()))
    assert len(keys) == 1
    assert len(keys.pop()) == 11


def test_layers_are_chosen_sorted_and_once(tmp_path: Path) -> None:
    loaded = tiny_llama()
    whole = build_index(loaded, from_texts(["a cat", "two"]), tmp_path / "whole", k=2)
    one = build_index(loaded, from_texts(["a cat", "two"]), tmp_path / "one", k=2, layers=[1, 1])
    assert one.manifest.layers == (1,)
    assert np.array_equal(stored(one.folder, "values"), stored(whole.folder, "values")[NEURONS:])
    assert np.array_equal(stored(one.folder, "moments"), stored(whole.folder, "moments")[NEURONS:])


def test_what_can_not_be_indexed_is_refused(tmp_path: Path) -> None:
    loaded, texts = tiny_llama(), from_texts(["a"])
    with pytest.raises(BadAddress, match="Layer 2"):
        build_index(loaded, texts, tmp_path / "x", layers=[2])
    with pytest.raises(BadAddress, match="Layer -1"):
        build_index(loaded, texts, tmp_path / "x", layers=[0, -1])
    with pytest.raises(BadRequest, match="No layers"):
        build_index(loaded, texts, tmp_path / "x", layers=[])
    with pytest.raises(BadRequest, match="k is 0"):
        build_index(loaded, texts, tmp_path / "x", k=0)
    with pytest.raises(BadRequest, match="window of 25"):
        build_index(loaded, texts, tmp_path / "x", settings=Settings(window=CONTEXT + 1))
    with pytest.raises(BadRequest, match="window of 1"):
        build_index(loaded, texts, tmp_path / "x", settings=Settings(window=1))
    with pytest.raises(BadRequest, match="shard"):
        Settings(shard=0)
    (tmp_path / "there").mkdir()
    with pytest.raises(Conflict):
        build_index(loaded, texts, tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_layers_without_neurons_are_left_out_with_the_reason() -> None:
    class Partly:
        layer_count = 2

        def __init__(self) -> None:
            self.refused = {Address("mlp_act", 1): "its experts are fused"}

        def site(self, address: object) -> None:
            if address in self.refused:
                raise PointUnavailable("its experts are fused")

    class Mixed:
        anatomy = Partly()

    chosen, missing = choose_addresses(Mixed(), None, None)
    assert [str(address) for address in chosen] == ["mlp_act.0"]
    assert missing == {"mlp_act.1": "its experts are fused"}
    with pytest.raises(PointUnavailable):
        choose_addresses(Mixed(), None, [0, 1])


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [Cancelled("stopped"), Stop()])
def test_stopping_in_the_first_shard_leaves_nothing_behind(tmp_path: Path, error: Exception) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise error

    with pytest.raises(type(error)):
        build_index(
            tiny_llama(), from_texts(["abc"] * 9), tmp_path / "x", settings=Settings(batch_tokens=4), check=check
        )
    assert calls == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", [0, 3, 12, 25, 40])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    writes = 0
    write = files.write_bytes

    def until_full(stream: object, data: memoryview) -> None:
        nonlocal writes
        writes += 1
        if writes > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(stream, data)

    monkeypatch.setattr(files, "write_bytes", until_full)
    with pytest.raises(StorageFull):
        build_index(tiny_llama(), from_texts(["abc", "def"] * 8), tmp_path / "x", settings=Settings(shard=2))
    assert writes == after + 1
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_documents_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    texts = ["", "abc", "de", "", "f" * 60]
    build_index(
        tiny_llama(),
        from_texts(texts),
        tmp_path / "x",
        settings=Settings(batch_tokens=10, shard=2),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (5, 5)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len({done for done, _ in seen}) > 2


def test_every_use_of_the_model_goes_through_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny_llama()
    inside = False
    forwards = 0
    forward = loaded.model.base_model.forward

    def watched(*args: object, **named: object) -> object:
        nonlocal forwards
        assert inside
        forwards += 1
        return forward(*args, **named)

    def run(work: object) -> object:
        nonlocal inside
        inside = True
        try:
            return work()
        finally:
            inside = False

    monkeypatch.setattr(loaded.model.base_model, "forward", watched)
    build_index(loaded, from_texts(["abc"] * 6), tmp_path / "x", settings=Settings(batch_tokens=8), run=run)
    assert forwards == 3


def test_a_corpus_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    readings = iter([["one", "two"], ["one", "too"]])
    corpus = Corpus("moving", lambda: (Document(n, text) for n, text in enumerate(next(readings))))
    with pytest.raises(Conflict, match="changed"):
        build_index(tiny_llama(), corpus, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_layers_of_another_family(tmp_path: Path) -> None:
    loaded = wrap(tiny_model("gpt2"), tiny_tokenizer(), "gpt2")
    index = build_index(loaded, from_texts(["hello there"]), tmp_path / "x", k=3)
    assert index.manifest.units == (128, 128, 128)
    hit = index.top("mlp_act.1:5", k=1)[0]
    taken: list[torch.Tensor] = []
    projection = loaded.model.transformer.h[1].mlp.c_proj
    handle = projection.register_forward_pre_hook(lambda _m, args: taken.append(args[0].detach()))
    with torch.no_grad():
        loaded.model(torch.tensor([loaded.encode("hello there").ids]))
    handle.remove()
    column = taken[0][0, :, 5]
    assert hit.activation == pytest.approx(float(column[1:].max()), abs=1e-6)
    assert hit.position == int(column[1:].argmax()) + 1


def test_ids_beyond_the_embedding_are_refused(tmp_path: Path) -> None:
    foreign = wrap(tiny_model("llama"), tiny_tokenizer(vocabulary=258), "tiny")
    with pytest.raises(UnsupportedModel, match="the embedding of tiny has 97 rows"):
        build_index(foreign, from_texts(["abc", "é"]), tmp_path / "index")
