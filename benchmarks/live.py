"""What the live benchmarks share: a GPT-2 shape with random weights, plain generation, and recorded runs beside it."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import seconds

PROMPT_TOKENS, NEW_TOKENS, REPEATS = 16, 128, 7


class Shape:
    """The model, ready: every way of generating gives the same tokens."""

    def __init__(self) -> None:
        import torch
        from transformers import GPT2Config, GPT2LMHeadModel

        from neuronscope.models.loading.loader import wrap
        from support.tokenizers import tiny_tokenizer

        torch.manual_seed(0)
        model = GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=None)).eval()
        self.loaded = wrap(model, tiny_tokenizer(bos=False), "gpt2-shape")
        self.prompt = "a" * PROMPT_TOKENS
        self._ids = torch.tensor([self.loaded.encode(self.prompt).ids])
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)

    def plain(self) -> list[int]:
        """transformers' own greedy generation."""
        import torch

        found = self.loaded.model.generate(
            self._ids,
            attention_mask=torch.ones_like(self._ids),
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            pad_token_id=0,
        )
        return [int(i) for i in found[0, self._ids.shape[1] :]]

    def run(self, config: dict[str, Any] | None = None, record: bool = True) -> list[int]:
        """A run with taps to its end, trace closed and removed."""
        from neuronscope.capture.generate import Generation
        from neuronscope.core.events import Step
        from neuronscope.core.generation import GenerateRequest
        from neuronscope.runtime.run import Run

        request = GenerateRequest(prompt=self.prompt, max_new_tokens=NEW_TOKENS)
        run = Run(Generation(self.loaded, request, config), self.folder if record else None)
        found = [event.token_id for event in run if isinstance(event, Step) and event.token_id is not None]
        assert run.recording_error is None
        if run.path is not None:
            self.size = run.path.stat().st_size
            run.path.unlink()
        return found


def interleaved(ways: dict[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, list[float]]:
    """Seconds of each way, one after another and again, so that a busy moment of the machine meets all of them."""
    for way in ways.values():
        way()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            times[name].append(seconds(way))
    return times


def ratio(reference: list[float], ours: list[float]) -> float:
    """The median over repeats of what the reference took over what ours took just after it."""
    return statistics.median(a / b for a, b in zip(reference, ours, strict=True))
