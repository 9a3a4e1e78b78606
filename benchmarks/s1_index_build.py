"""S1: tokens per second of an index build over every MLP neuron against the bare transformer without its head."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from common import Result, interleaved
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from neuronscope.corpus.builder import build_index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts
from neuronscope.models.loader import wrap

WINDOW, WINDOWS, BATCH = 256, 24, 4
GOAL = 0.95


def _words() -> PreTrainedTokenizerFast:
    """A word is its number: texts of exactly as many tokens as wanted."""
    tokenizer = Tokenizer(models.WordLevel({f"w{n}": n for n in range(50257)}, unk_token="w0"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def measure() -> Iterator[Result]:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config()).eval()
    loaded = wrap(model, _words(), "gpt2-shape")
    ids = torch.randint(0, 50257, (WINDOWS, WINDOW))
    corpus = from_texts(" ".join(f"w{n}" for n in row.tolist()) for row in ids)
    folder = Path(tempfile.mkdtemp())
    settings = Settings(window=WINDOW, batch_tokens=WINDOW * BATCH)
    turn = iter(range(1000))

    @torch.no_grad()
    def bare() -> None:
        for batch in ids.split(BATCH):
            model.transformer(input_ids=batch, attention_mask=torch.ones_like(batch), use_cache=False)

    @torch.no_grad()
    def full() -> None:
        for batch in ids.split(BATCH):
            model(input_ids=batch, attention_mask=torch.ones_like(batch), use_cache=False)

    def ours() -> None:
        build_index(loaded, corpus, folder / str(next(turn)), k=32, settings=settings)

    try:
        taken = interleaved({"bare": bare, "ours": ours, "full": full}, repeats=3)
    finally:
        shutil.rmtree(folder)
    tokens = WINDOWS * WINDOW
    rate, reference = tokens / taken["ours"], tokens / taken["bare"]
    note = f"{rate * taken['full'] / tokens:.2f} of the full forward; {WINDOWS} windows of {WINDOW}, k = 32"
    yield Result(
        "S1 index build, GPT-2 shape", rate, reference, rate / reference, f"≥ {GOAL}", rate / reference >= GOAL,
        "tokens/s", note,
    )  # fmt: skip
