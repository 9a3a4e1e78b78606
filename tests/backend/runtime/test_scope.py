from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import neuronscope as ns
from neuronscope.core.errors import BadRequest, NotFound, UnsupportedModel
from neuronscope.core.ids import new_id
from neuronscope.corpus.index import Index
from support.families import tiny_model
from support.tokenizers import save_tiny, tiny_tokenizer


def test_load_capture_and_read_back(tmp_path: Path) -> None:
    scope = ns.load(save_tiny(tmp_path / "tiny"))
    trace = scope.capture("Hello world", points=["mlp_act", "resid_post"], layers=[1])
    assert trace.points == ("mlp_act.1", "resid_post.1")
    assert trace["mlp_act.1"].shape == (12, 48)
    assert list(trace.to_pandas("mlp_act.1").index[:3]) == ["<s>", "H", "e"]
    assert np.array_equal(ns.open_trace(trace.path)["mlp_act.1"], trace["mlp_act.1"])


def test_a_capture_is_kept_in_less_where_that_is_asked_for() -> None:
    scope = ns.wrap(tiny_model("llama"), tiny_tokenizer(), model_id="mine")
    whole = scope.capture("one cat", points=["mlp_act"], layers=np.array([1]))
    half = scope.capture("one cat", config={"quantization": "f16", "points": ["mlp_act.1"]})
    assert half.points == whole.points
    assert np.array_equal(half["mlp_act.1"], whole["mlp_act.1"].astype(np.float16))


def test_wrap_uses_the_very_model_it_is_given() -> None:
    model = tiny_model("gpt2")
    scope = ns.wrap(model, tiny_tokenizer(), model_id="mine")
    assert scope.loaded.model is model
    assert (scope.model_id, scope.layers, scope.neurons) == ("mine", 3, 128)
    assert "mlp_pre.2" in scope.points()


def test_an_index_is_built_once_and_then_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("one cat\n\ntwo dogs\n\nthree birds")
    scope = ns.wrap(tiny_model("llama"), tiny_tokenizer(), model_id="mine")
    first = scope.index(corpus, k=4)
    again = scope.index(corpus, k=4)
    assert again.folder == first.folder
    assert scope.index(corpus, k=3).folder != first.folder
    corpus.write_text("one cat\n\ntwo dogs")
    assert scope.index(corpus, k=4).folder != first.folder
    assert isinstance(ns.open_index(first.folder), Index)
    strongest = first.top("mlp_act.1:5", k=1)[0]
    trace = scope.capture(["one cat", "two dogs", "three birds"][strongest.doc], points=["mlp_act.1"])
    assert trace["mlp_act.1"][strongest.position, 5] == pytest.approx(strongest.activation, abs=1e-6)


def test_the_field_of_a_corpus_can_be_named(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"body": "one cat", "text": "no"}\n{"body": "two dogs", "text": "no"}\n')
    scope = ns.wrap(tiny_model("llama"), tiny_tokenizer(), model_id="mine")
    index = scope.index(corpus, k=1, field="body")
    # A token a letter, of both bodies.
    assert index.manifest.tokens == len("one cat") + len("two dogs")
    assert scope.index(corpus, k=1).folder != index.folder


def test_traces_and_indexes_of_the_workspace_are_opened_by_id(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("one cat")
    scope = ns.wrap(tiny_model("llama"), tiny_tokenizer(), model_id="mine")
    with scope.capture("one cat") as trace, ns.open_trace(trace.trace_id) as again:
        assert again.path == trace.path
    index = scope.index(corpus, k=1)
    assert ns.open_index(index.id).folder == index.folder
    for opened, kind in ((ns.open_trace, "t"), (ns.open_index, "x")):
        with pytest.raises(NotFound):
            opened(new_id(kind))
        with pytest.raises(NotFound):
            opened("nonsense")


def test_a_missing_corpus_is_named() -> None:
    with pytest.raises(NotFound, match=r"no-such\.txt"):
        ns.wrap(tiny_model("llama"), tiny_tokenizer()).index("no-such.txt")


def test_mistakes_in_python_are_told_in_a_sentence(tiny_models: Path) -> None:
    scope = ns.load(tiny_models / "one", dtype=torch.float32)
    with pytest.raises(BadRequest, match="one text"):
        scope.capture("Hi", points="mlp_act")
    with pytest.raises(BadRequest, match="takes no drop_policy"):
        scope.capture("Hi", config={"drop_policy": "stop_trace"})
    with pytest.raises(BadRequest, match="is a list"):
        scope.capture(["a", "b"])  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(UnsupportedModel, match="Linear is no model of transformers"):
        ns.wrap(torch.nn.Linear(3, 3), scope.loaded.tokenizer)  # type: ignore[arg-type]  # the mistake under test


def test_a_scope_says_in_what_it_is_held(tiny_models: Path) -> None:
    whole, four_bits = (ns.load(tiny_models / "one", quantization=q, device="cpu") for q in ("none", "nf4"))
    assert repr(whole) == f"<Scope on {tiny_models / 'one'}: 2 layers of 24 neurons, float32>"
    assert repr(four_bits).endswith("nf4 in float32>")
