"""An index as it is built: exact, and put together as it is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.corpus.brute import CONTEXT, NEURONS, stored, tiny_llama
from backend.corpus.exact import bundled_model, check_exact, corpora
from neuronscope.core.errors import BadRequest
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import bundled, from_texts
from neuronscope.models.loading.loader import load, wrap
from neuronscope.models.loading.sources import folder_source
from support.families import tiny_model
from support.tokenizers import tiny_tokenizer


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
