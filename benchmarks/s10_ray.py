"""S10: an index build with two Ray workers against one, one thread each, on a GPT-2 shape; and whether all came out the same.

Workers are started, and their models loaded, before the clock runs: a build of any size pays for that once. Both builds
read the same corpus and commit the same shards. Two cores are needed that do nothing else.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common import Result, seconds

SHARDS, DOCUMENTS, WORDS = 8, 8, 150


def measure() -> Iterator[Result]:
    import torch
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
    from support.tokenizers import tiny_tokenizer

    torch.manual_seed(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        GPT2LMHeadModel(GPT2Config()).save_pretrained(place / "model")
        tiny_tokenizer(258).save_pretrained(place / "model")
        recipe = Recipe(str(place / "model"), dtype="float32", device="cpu")
        loaded = recipe.load()
        texts = [f"document {n} " + "so on and " * WORDS for n in range(SHARDS * DOCUMENTS)]
        plan = make_plan(loaded, from_texts(texts), 32, settings=Settings(shard=DOCUMENTS, window=256))
        taken, made = {}, {}
        for workers in (1, 2):
            with hands_on(Cluster(workers, threads=1), recipe, plan, ()) as hands:
                # Each worker loads its model at its first shard; this one is in the way of no index.
                with written_whole(place / f"warm{workers}", plan) as work:
                    tally = Tally(None, workers)
                    for number in range(workers):
                        hands.shard(Task(number, [Document(0, "warm")], {}, work), tally, lambda: None)
                    hands.finish(tally, lambda: None)
                folder = place / str(workers)
                taken[workers] = seconds(
                    lambda f=folder, h=hands: build_index(loaded, from_texts(texts), f, plan=plan, hands=h)
                )
            made[workers] = _content(folder)
        tokens = json.loads(made[1]["manifest.json"])["tokens"]
    same = made[1] == made[2]
    ratio = taken[1] / taken[2]
    note = f"{SHARDS} shards of {tokens // SHARDS} tokens × 36864 neurons; the result is {'the same' if same else 'ANOTHER'}"
    yield Result(
        "S10 two Ray workers against one", tokens / taken[2], tokens / taken[1], ratio, "≥ 1.7, bit for bit the same",
        ratio >= 1.7 and same, "tok/s", note,
    )  # fmt: skip


def _content(folder: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    manifest = json.loads(found["manifest.json"])
    del manifest["created_at"]
    return {**found, "manifest.json": json.dumps(manifest).encode()}
