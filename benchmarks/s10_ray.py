"""S10: an index build with two Ray workers against one, one thread each, on half a GPT-2 shape; whether all came out the same.

Workers are started, and their models loaded, before the clock runs: a build of any size pays for that once. What is counted
is the rest of a build: reading, running and committing shards, and putting the index together. Both builds read the same
corpus and commit the same shards. Each worker has to find its own floors, which costs most in its first batches, so the
shape has six of GPT-2's layers: more batches fit into the same time. Two cores are needed that do nothing else.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from common import Result

SHARDS, DOCUMENTS, WORDS = 16, 4, 1000
LAYERS = 6


def measure() -> Iterator[Result]:
    import torch
    import zipf
    from transformers import GPT2Config, GPT2LMHeadModel

    from neuronscope.corpus.builder import build_index
    from neuronscope.corpus.cluster import Cluster
    from neuronscope.corpus.distributed import hands_on
    from neuronscope.corpus.hands import Tally, Task
    from neuronscope.corpus.manifest import Settings
    from neuronscope.corpus.plan import make_plan
    from neuronscope.corpus.readers import Document, from_texts
    from neuronscope.corpus.unfinished import written_whole
    from neuronscope.models.loading.recipe import Recipe

    torch.manual_seed(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        GPT2LMHeadModel(GPT2Config(n_layer=LAYERS)).save_pretrained(place / "model")
        zipf.tokenizer().save_pretrained(place / "model")
        recipe = Recipe(str(place / "model"), dtype="float32", device="cpu")
        loaded = recipe.load()
        texts = ["".join(zipf.texts(WORDS, seed=n)) for n in range(SHARDS * DOCUMENTS)]
        plan = make_plan(loaded, from_texts(texts), 32, settings=Settings(shard=DOCUMENTS, window=256))
        taken, merged, made = {}, {}, {}
        for workers in (1, 2):
            with hands_on(Cluster(workers, threads=1), recipe, plan, ()) as hands:
                # Each worker loads its model at its first shard; this one is in the way of no index.
                with written_whole(place / f"warm{workers}", plan) as work:
                    tally = Tally(None, workers)
                    for number in range(workers):
                        hands.shard(Task(number, [Document(0, "warm")], {}, work), tally, lambda: None)
                    hands.finish(tally, lambda: None)
                folder = place / str(workers)
                told = [time.perf_counter()]
                build_index(
                    loaded,
                    from_texts(texts),
                    folder,
                    plan=plan,
                    hands=hands,
                    progress=lambda _done, _total: told.append(time.perf_counter()),  # noqa: B023  # called in this turn only
                )
                end = time.perf_counter()
                taken[workers], merged[workers] = end - told[0], end - told[-1]
            made[workers] = _content(folder)
        tokens = json.loads(made[1]["manifest.json"])["tokens"]
    same = made[1] == made[2]
    ratio = taken[1] / taken[2]
    note = (
        f"{SHARDS} shards of {tokens // SHARDS} tokens × {LAYERS * 3072} neurons: {taken[1]:.1f} s and {taken[2]:.1f} s, "
        f"of which putting together {merged[1]:.1f} s and {merged[2]:.1f} s; the result is {'the same' if same else 'ANOTHER'}"
    )
    yield Result(
        "S10 two Ray workers against one", tokens / taken[2], tokens / taken[1], ratio, "≥ 1.7, bit for bit the same",
        ratio >= 1.7 and same, "tok/s", note,
    )  # fmt: skip


def _content(folder: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    manifest = json.loads(found["manifest.json"])
    del manifest["created_at"]
    return {**found, "manifest.json": json.dumps(manifest).encode()}
