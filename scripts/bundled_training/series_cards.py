"""The cards of the fine-tuning series: one page per checkpoint, made from the series' table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(folder: Path) -> None:
    """Read ``folder/series.json`` and write a ``README.md`` into each checkpoint's folder."""
    series: dict[str, Any] = json.loads((folder / "series.json").read_text(encoding="utf-8"))
    for row in series["checkpoints"][1:]:
        (folder / row["id"] / "README.md").write_text(_page(series, row), encoding="utf-8")


def _page(series: dict[str, Any], row: dict[str, Any]) -> str:
    return f"""---
license: mit
library_name: transformers
---

# {series["base"]}-tuned-{row["id"]}

Checkpoint {row["id"]} of {len(series["checkpoints"]) - 1} of a fine-tuning of `{series["base"]}`, after {row["step"]} steps.
It learns one new thing, the {series["task"]}. Six in ten of the texts
that it reads are of the base model's own corpus, so that it keeps the rest. The series is there to watch neurons drift.

Of the stored float16 weights, loaded as float32, greedy decoding, exact answers on {series["task_items"]} held-out wordings of
the task and on the base model's own held-out items:

{table(series)}

`python scripts/train_bundled.py finetune` makes the series again from the base model.
"""


def table(series: dict[str, Any]) -> str:
    """The scores of every checkpoint as a Markdown table."""
    lines = ["| checkpoint | steps | the new task | arithmetic | facts |", "|---|---|---|---|---|"]
    for row in series["checkpoints"]:
        base = row["base_scores"]
        scores = f"{row['task_score']:.1%} | {base['arithmetic']:.1%} | {base['facts']:.1%}"
        lines.append(f"| {row['id']} | {row['step']} | {scores} |")
    return "\n".join(lines)
