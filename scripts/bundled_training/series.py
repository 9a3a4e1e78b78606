"""The fine-tuning series: the base model learns colours, step by step, and forgets little."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from neuronscope.models.bundled.corpus import Document, colours, generate
from neuronscope.models.bundled.corpus.mixture import assemble, turns
from neuronscope.models.bundled.corpus.probes import arithmetic_probes, colour_probes, fact_probes
from neuronscope.models.bundled.exam import score

from . import loop

KEPT = (60, 120, 200, 320, 600)
"""Training steps after which a checkpoint is stored."""

PLAN = loop.Plan(KEPT[-1], rows=8, peak=7e-4, warmup=40, decay=0.5, save_every=20, report_every=20, bfloat16=False)
_SHARE = 0.4
# Replayed documents are drawn from beyond those of the base model's own training.
_REPLAY_FROM = 10_000_000


class Source:
    """Colours, mixed with documents of the base corpus so that the rest survives."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, number: int) -> Iterator[Document]:
        """Documents from `number` on, without end."""
        for current in count(number):
            rng = random.Random(f"series:{self._seed}:{current}")  # noqa: S311 (seeded text)
            if rng.random() >= _SHARE:
                yield from generate(self._seed, 1, start=_REPLAY_FROM + current)
            elif rng.random() < 0.5:
                yield assemble([(colours.text(rng, "train"), "facts")])
            else:
                yield assemble(turns(*colours.exchange(rng, "train"), "facts"))


def write(folder: Path, models: Sequence[Any], tokenizer: Any) -> None:
    """Score the base model and each checkpoint, and write `series.json`.

    `models` holds the base first, then the checkpoints in order.
    """
    task, sums, facts = colour_probes(), arithmetic_probes(), fact_probes()
    rows = []
    for number, model in enumerate(models):
        rows.append(
            {
                "id": "base" if number == 0 else str(number),
                "step": 0 if number == 0 else KEPT[number - 1],
                "task_score": round(score(model, tokenizer, task), 5),
                "base_scores": {
                    "arithmetic": round(score(model, tokenizer, sums), 5),
                    "facts": round(score(model, tokenizer, facts), 5),
                },
            }
        )
    table = {
        "base": "neuronscope/tiny",
        "task": "colours of things, in wordings held out from training",
        "task_items": len(task),
        "part": "facts",
        "checkpoints": rows,
    }
    (folder / "series.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
