"""S1: building an index of every MLP neuron of a random GPT-2 shape, against the bare transformer on the same batches.

Both run the same batches of equal windows by turns, whole batch for whole batch, so that whatever else the machine does
meets both alike; the ratio is that of the medians. The index starts knowing nothing: its first batches, in which nearly
everything is a new record, are timed too and told apart in the note.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import Result, seconds
from numpy.typing import NDArray

WINDOW, ROWS = 256, 8
BATCHES = 48
EARLY = 8
K = 32


def random_windows(batches: int) -> NDArray[np.int32]:
    """Tokens of equal windows, ``[batch, row, position]``; any two calls agree as far as both go."""
    chooser = np.random.default_rng(0)
    return chooser.integers(300, 50257, (batches, ROWS, WINDOW)).astype(np.int32)


class Build:
    """The shape, batches of equal windows, and an index of its neurons that knows nothing yet."""

    def __init__(self, batches: int = BATCHES) -> None:
        import torch
        from transformers import GPT2Config, GPT2LMHeadModel

        from neuronscope.corpus.plan import make_plan
        from neuronscope.corpus.readers import from_texts
        from neuronscope.corpus.windows import Shard, Tokenizer
        from neuronscope.corpus.worker import ShardRun, Worker
        from neuronscope.models.loading.loader import wrap
        from support.tokenizers import tiny_tokenizer

        torch.manual_seed(0)
        self.model = GPT2LMHeadModel(GPT2Config())
        loaded = wrap(self.model, tiny_tokenizer(50257), "gpt2-shape")
        self.windows = batches * ROWS
        self.shard = Shard(
            0,
            random_windows(batches).ravel(),
            np.zeros(self.windows * WINDOW, np.uint8),
            np.zeros((self.windows * WINDOW, 2), np.int32),
            np.arange(0, (self.windows + 1) * WINDOW, WINDOW),
            np.arange(self.windows, dtype=np.int32),
            np.ones(self.windows, np.int64),
        )
        plan = make_plan(loaded, from_texts(["stands for the shard"]), k=K)
        self.worker = Worker(loaded, plan, Tokenizer(loaded.tokenizer, WINDOW), {}, lambda work: work())
        self.run = ShardRun(self.worker, 0, self.shard)

    def rows(self, batch: int) -> NDArray[np.int64]:
        """The windows of a batch."""
        return np.arange(batch * ROWS, (batch + 1) * ROWS)

    def bare(self, batch: int, head: bool = False) -> None:
        """The forward pass on a batch by transformers alone; with its ``head`` it gives logits too."""
        import torch

        from neuronscope.corpus.worker import grid_of

        ids, mask, _ = grid_of(self.shard, self.rows(batch))
        with torch.no_grad():
            (self.model if head else self.model.base_model)(input_ids=ids, attention_mask=mask, use_cache=False)

    def index(self, batch: int) -> None:
        """The same pass, and the index takes in all its neurons."""
        self.run.batch(self.rows(batch))


def measure() -> Iterator[Result]:
    from neuronscope.corpus.readers import Document

    build = Build()
    plain, built = [], []
    build.bare(0)
    for number in range(BATCHES):
        plain.append(seconds(lambda n=number: build.bare(n)))
        built.append(seconds(lambda n=number: build.index(n)))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shards").mkdir()
        documents = [Document(number, "x") for number in range(build.windows)]
        batches = [build.rows(number) for number in range(BATCHES)]
        commit = seconds(lambda: build.run.part(batches, documents).write(Path(folder), 0))
    tokens = ROWS * WINDOW
    reference, ours = tokens / statistics.median(plain), tokens / statistics.median(built)
    early = statistics.median(plain[:EARLY]) / statistics.median(built[:EARLY])
    late = statistics.median(p / b for p, b in zip(plain[-EARLY * 2 :], built[-EARLY * 2 :], strict=True))
    note = (
        f"{BATCHES} batches of {ROWS} × {WINDOW} tokens × 36864 neurons; in the first {EARLY} {early:.2f}, in the last "
        f"{EARLY * 2} {late:.2f}; committing the shard took {commit:.1f} s"
    )
    yield Result("S1 index build", ours, reference, ours / reference, "≥ 0.95", ours / reference >= 0.95, "tok/s", note)
