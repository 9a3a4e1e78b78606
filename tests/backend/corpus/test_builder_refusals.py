"""What no index is built of, and builds that end early: nothing is left of them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from backend.corpus.brute import CONTEXT, tiny_llama
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
from neuronscope.corpus.builder import build_index, choose_addresses
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import Corpus, Document, from_texts
from neuronscope.models.loading.loader import wrap
from support.families import tiny_model
from support.tokenizers import tiny_tokenizer


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


def test_a_corpus_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    readings = iter([["one", "two"], ["one", "too"]])
    corpus = Corpus("moving", lambda: (Document(n, text) for n, text in enumerate(next(readings))))
    with pytest.raises(Conflict, match="changed"):
        build_index(tiny_llama(), corpus, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_ids_beyond_the_embedding_are_refused(tmp_path: Path) -> None:
    foreign = wrap(tiny_model("llama"), tiny_tokenizer(vocabulary=258), "tiny")
    with pytest.raises(UnsupportedModel, match="the embedding of tiny has 97 rows"):
        build_index(foreign, from_texts(["abc", "é"]), tmp_path / "index")
