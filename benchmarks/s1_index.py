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

WINDOW, ROWS = 256, 8
BATCHES = 48
EARLY = 8


def measure() -> Iterator[Result]:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from neuronscope.corpus.plan import make_plan
    from neuronscope.corpus.readers import Document, from_texts
    from neuronscope.corpus.windows import Shard, Tokenizer
    from neuronscope.corpus.worker import ShardRun, Worker, grid_of
    from neuronscope.models.loading.loader import wrap
    from support.tokenizers import tiny_tokenizer

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config())
    loaded = wrap(model, tiny_tokenizer(50257), "gpt2-shape")
    chooser = np.random.default_rng(0)
    windows = BATCHES * ROWS
    shard = Shard(
        0,
        chooser.integers(300, 50257, windows * WINDOW).astype(np.int32),
        np.zeros(windows * WINDOW, np.uint8),
        np.zeros((windows * WINDOW, 2), np.int32),
        np.arange(0, (windows + 1) * WINDOW, WINDOW),
        np.arange(windows, dtype=np.int32),
        np.ones(windows, np.int64),
    )
    plan = make_plan(loaded, from_texts(["stands for the shard"]), k=32)
    worker = Worker(loaded, plan, Tokenizer(loaded.tokenizer, WINDOW), {}, lambda work: work())
    run = ShardRun(worker, 0, shard)

    def bare(chosen: np.ndarray) -> None:
        ids, mask, _ = grid_of(shard, chosen)
        with torch.no_grad():
            model.base_model(input_ids=ids, attention_mask=mask, use_cache=False)

    plain, built = [], []
    bare(np.arange(ROWS))
    for number in range(BATCHES):
        chosen = np.arange(number * ROWS, (number + 1) * ROWS)
        plain.append(seconds(lambda c=chosen: bare(c)))
        built.append(seconds(lambda c=chosen: run.batch(c)))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shards").mkdir()
        documents = [Document(number, "x") for number in range(windows)]
        commit = seconds(
            lambda: run.part([np.arange(n, n + ROWS) for n in range(0, windows, ROWS)], documents).write(
                Path(folder), 0
            )
        )
    tokens = ROWS * WINDOW
    reference, ours = tokens / statistics.median(plain), tokens / statistics.median(built)
    early = statistics.median(plain[:EARLY]) / statistics.median(built[:EARLY])
    late = statistics.median(p / b for p, b in zip(plain[-EARLY * 2 :], built[-EARLY * 2 :], strict=True))
    note = (
        f"{BATCHES} batches of {ROWS} × {WINDOW} tokens × 36864 neurons; in the first {EARLY} {early:.2f}, in the last "
        f"{EARLY * 2} {late:.2f}; committing the shard took {commit:.1f} s"
    )
    yield Result("S1 index build", ours, reference, ours / reference, "≥ 0.95", ours / reference >= 0.95, "tok/s", note)
