"""The training loop: killed and resumed, it ends where an unbroken run ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer

from neuronscope.models.bundled import folder
from neuronscope.models.bundled.corpus import Document, generate

loop = pytest.importorskip("bundled_training.loop")
rows = pytest.importorskip("bundled_training.rows")

_SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
_PLAN = loop.Plan(6, rows=2, width=64, warmup=2, save_every=100, report_every=100, bfloat16=False)


def _source(number: int) -> Iterator[Document]:
    return generate(4, 10_000, start=number)


@pytest.fixture(scope="module")
def fast() -> Tokenizer:
    return Tokenizer.from_file(str(folder() / "tokenizer.json"))


def _run(fast: Tokenizer, checkpoint: Path, stop_after: int | None = None) -> tuple[Any, Any]:
    model = loop.build(1, fast.get_vocab_size(), _SHAPE)
    return model, loop.train(model, fast, _source, _PLAN, checkpoint, stop_after=stop_after)


def test_interrupted_and_resumed_equals_uninterrupted(fast: Tokenizer, tmp_path: Path) -> None:
    whole, totals = _run(fast, tmp_path / "whole")
    _, partial = _run(fast, tmp_path / "broken", stop_after=3)
    assert partial["steps"] == 3
    torch.manual_seed(99)
    resumed, again = _run(fast, tmp_path / "broken")
    assert {k: totals[k] for k in ("steps", "documents", "tokens")} == {
        k: again[k] for k in ("steps", "documents", "tokens")
    }
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, resumed.state_dict()[name]), name


def test_rows_keep_documents_apart(fast: Tokenizer) -> None:
    batch = rows.pack(fast, _source, 0, 2, 256)
    starts = (batch.ids[0] == rows.BOS_ID).nonzero().flatten().tolist()
    assert len(starts) >= 2
    second = starts[1]
    assert batch.labels[0, second - 1] == rows.IGNORED
    assert not batch.mask[0, 0, second:, :second].any()
    assert batch.mask[0, 0, second, second]
    assert not batch.mask[0, 0].triu(1).any()


def test_packed_rows_give_the_losses_of_single_documents(fast: Tokenizer) -> None:
    model = loop.build(1, fast.get_vocab_size(), _SHAPE).eval()
    batch = rows.pack(fast, _source, 0, 1, 256)
    second = (batch.ids[0] == rows.BOS_ID).nonzero().flatten().tolist()[1]
    packed = model(input_ids=batch.ids, attention_mask=batch.mask).logits[0, second:]
    alone = model(input_ids=batch.ids[:, second : second + 10]).logits[0]
    assert torch.allclose(packed[:5], alone[:5], atol=1e-5)


def test_learning_rate_rises_holds_and_falls() -> None:
    plan = loop.Plan(100, peak=1.0, warmup=10, decay=0.2)
    rates = [loop.learning_rate(plan, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:80] == [1.0] * 70
    assert rates[99] == pytest.approx(0.05)
