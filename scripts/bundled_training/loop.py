"""The training loop, which can be killed at any moment and goes on from its last checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from .rows import IGNORED, Source, pack

Report = Callable[[int, Any, dict[str, float]], None]


@dataclass(frozen=True)
class Plan:
    """What one training run does; `peak` is the largest learning rate."""

    steps: int
    rows: int = 16
    width: int = 256
    peak: float = 3e-3
    warmup: int = 150
    decay: float = 0.35
    weight_decay: float = 0.05
    save_every: int = 200
    report_every: int = 250
    bfloat16: bool = True


def build(seed: int, vocabulary: int, shape: Mapping[str, Any]) -> Any:
    """A model with fresh weights, the same for the same seed."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **shape,
    )
    return LlamaForCausalLM(config)


def learning_rate(plan: Plan, step: int) -> float:
    """Warm up, hold, then fall to zero along a line over the last `decay` of the steps."""
    if step < plan.warmup:
        return plan.peak * (step + 1) / plan.warmup
    falling = max(1, int(plan.steps * plan.decay))
    return plan.peak * min(1.0, (plan.steps - step) / falling)


def train(
    model: Any,
    tokenizer: Tokenizer,
    source: Source,
    plan: Plan,
    checkpoint: Path,
    report: Report | None = None,
    stop_after: int | None = None,
) -> dict[str, float]:
    """Train in place; resume from `checkpoint` if it is there.

    `report(step, model, numbers)` is called every `report_every` steps and at the end.
    `stop_after` ends the run early at that step, as a kill right after saving would. Returns
    the totals: steps, documents, tokens, seconds.
    """
    decays = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": decays, "weight_decay": plan.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=plan.peak, betas=(0.9, 0.98), fused=True)
    totals: dict[str, float] = {"steps": 0, "documents": 0, "tokens": 0, "seconds": 0.0}
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        totals = state["totals"]
    model.train()
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns) as progress:
        task = progress.add_task("train", total=plan.steps, completed=int(totals["steps"]), note="")
        while totals["steps"] < plan.steps:
            step, began = int(totals["steps"]), time.perf_counter()
            batch = pack(tokenizer, source, int(totals["documents"]), plan.rows, plan.width)
            loss = _step(model, optimizer, batch, learning_rate(plan, step), plan.bfloat16)
            totals["steps"] = step + 1
            totals["documents"] = batch.next_document
            totals["tokens"] += batch.tokens
            totals["seconds"] += time.perf_counter() - began
            done = step + 1 == plan.steps or step + 1 == stop_after
            if (step + 1) % plan.save_every == 0 or done:
                _save(checkpoint, model, optimizer, totals)
            if report and ((step + 1) % plan.report_every == 0 or step + 1 == plan.steps):
                model.eval()
                report(step + 1, model, {**totals, "loss": loss})
                model.train()
            progress.update(task, advance=1, note=f"loss {loss:.3f}")
            if step + 1 == stop_after:
                break
    model.eval()
    return totals


def _step(model: Any, optimizer: Any, batch: Any, rate: float, bfloat16: bool) -> float:
    for group in optimizer.param_groups:
        group["lr"] = rate
    device = model.device
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16):
        logits = model(input_ids=batch.ids.to(device), attention_mask=batch.mask.to(device), use_cache=False).logits
    loss = functional.cross_entropy(
        logits.float().flatten(0, 1), batch.labels.flatten().to(device), ignore_index=IGNORED
    )
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _save(path: Path, model: Any, optimizer: Any, totals: dict[str, float]) -> None:
    """Write beside the old checkpoint, then swap: a kill leaves one of the two whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
        "totals": totals,
    }
    torch.save(state, fresh)
    fresh.replace(path)
