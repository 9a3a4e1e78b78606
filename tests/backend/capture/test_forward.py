from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from neuronscope.capture.forward import capture_prompt, run_prompt
from neuronscope.core.address import Address
from neuronscope.core.capture_config import CaptureConfig
from neuronscope.core.errors import BadAddress, NeuronScopeError, PointUnavailable, StorageFull
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import load, wrap
from neuronscope.models.loading.sources import BUNDLED_ID, Sources, folder_source
from neuronscope.traces import writer as writing
from support.families import FAMILIES, bare_neurons, tiny_model
from support.tokenizers import tiny_tokenizer

PROMPT = "Hi, cat 42!"


@pytest.fixture(scope="module")
def llama() -> LoadedModel:
    return wrap(tiny_model("llama"), tiny_tokenizer(), "tiny")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trace_holds_the_neurons_of_a_bare_hook(family: str, tmp_path: Path) -> None:
    loaded = wrap(tiny_model(family), tiny_tokenizer(), family)
    trace = capture_prompt(loaded, PROMPT, CaptureConfig(), tmp_path)
    ids = torch.tensor([[token.id for token in trace.tokens]])
    for layer in range(3):
        expected = bare_neurons(loaded.model, family, ids, layer).numpy()
        assert trace[f"mlp_act.{layer}"].dtype == np.float32
        assert np.array_equal(trace[f"mlp_act.{layer}"], expected)


def _taps_change_nothing(folder: Path) -> None:
    loaded = load(folder_source(folder), device="cpu")
    encoded = loaded.encode("Once upon a time there was a cow. 23 + 45 = 68.")
    ids = torch.tensor([encoded.ids])
    with torch.no_grad():
        plain = loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0]
    tensors, after = run_prompt(loaded, encoded, loaded.anatomy.sites)
    assert np.array_equal(tensors[Address("logits")], plain.numpy())
    assert torch.equal(after, plain[-1])


def test_taps_on_every_point_change_nothing_on_the_bundled_model() -> None:
    """T1, bit for bit."""
    folder = Sources().find(BUNDLED_ID).folder
    assert folder is not None
    _taps_change_nothing(folder)


def test_taps_on_every_point_change_nothing_on_stories260k(stories260k: Path) -> None:
    """T1, bit for bit."""
    _taps_change_nothing(stories260k)


def test_statistics_leave_special_tokens_out(llama: LoadedModel, tmp_path: Path) -> None:
    trace = capture_prompt(llama, PROMPT, CaptureConfig(points=("resid_post.1",)), tmp_path)
    assert [token.special for token in trace.tokens].count(True) == 1
    stats = trace.step(0).entries[0].stats
    plain = trace["resid_post.1"][1:].astype(np.float64)
    assert stats["mean"] == pytest.approx(plain.mean())
    assert stats["std"] == pytest.approx(plain.std())
    assert stats["l2"] == pytest.approx(np.linalg.norm(plain))
    assert stats["p99"] == pytest.approx(np.percentile(plain, 99))
    assert (stats["min"], stats["max"]) == (plain.min(), plain.max())
    assert stats["sparsity"] == pytest.approx(np.mean(np.abs(plain) < 1e-3 * np.abs(plain).max()))


def test_the_likeliest_next_tokens_are_those_of_the_model(llama: LoadedModel, tmp_path: Path) -> None:
    trace = capture_prompt(llama, PROMPT, CaptureConfig(points=("logits",)), tmp_path)
    with torch.no_grad():
        ids = torch.tensor([[token.id for token in trace.tokens]])
        expected = torch.log_softmax(llama.model(input_ids=ids).logits[0, -1], -1)
    top = trace.step(0).top
    assert [row["id"] for row in top] == expected.topk(20).indices.tolist()
    assert [row["logprob"] for row in top] == pytest.approx(expected.topk(20).values.tolist(), abs=1e-5)
    assert np.allclose(trace["logits"][-1] - trace["logits"][-1].max(), (expected - expected.max()).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("points", "error"),
    [(("mlp_act.3",), BadAddress), (("mlp_pre",), PointUnavailable), (("nonsense",), BadAddress)],
)
def test_what_can_not_be_captured_leaves_no_file(
    llama: LoadedModel, tmp_path: Path, points: tuple[str, ...], error: type[NeuronScopeError]
) -> None:
    with pytest.raises(error):
        capture_prompt(llama, PROMPT, CaptureConfig(points=points), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_writing_leaves_no_file(
    llama: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SQLite's own limit on pages is how a full disk looks from inside.
    monkeypatch.setattr(writing, "_SCHEMA", writing._SCHEMA + "PRAGMA max_page_count=10;")
    with pytest.raises(StorageFull):
        capture_prompt(llama, "a" * 60, CaptureConfig(), tmp_path)
    assert list(tmp_path.iterdir()) == []
