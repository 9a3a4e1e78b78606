"""The steps of `train_bundled.py`, over one work folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from neuronscope.models.bundled.corpus import Document, generate
from neuronscope.models.bundled.corpus.probes import arithmetic_probes, fact_probes
from neuronscope.models.bundled.exam import score

from . import card, loop, series, series_cards
from .tokenizer import train_tokenizer

STEPS = 5540
VOCABULARY = 1536
SHAPE = {
    "hidden_size": 160,
    "intermediate_size": 448,
    "num_hidden_layers": 4,
    "num_attention_heads": 5,
    "num_key_value_heads": 5,
}
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_ENDLESS = 1 << 62


@dataclass(frozen=True)
class Work:
    """One run of the recipe; everything it makes lies under `out`."""

    out: Path
    seed: int
    steps: int
    device: str
    note: str = ""

    @property
    def tiny(self) -> Path:
        """Folder of the finished base model."""
        return self.out / "tiny"

    def prepare(self, threads: int) -> None:
        """Set the thread count and make the work folder."""
        torch.set_num_threads(threads)
        self.out.mkdir(parents=True, exist_ok=True)

    def tokenizer(self) -> None:
        """Learn the tokenizer."""
        train_tokenizer(self.tiny, self.seed, VOCABULARY)

    def source(self, number: int) -> Iterator[Document]:
        """The training corpus from document `number` on."""
        return generate(self.seed, _ENDLESS, start=number)

    def train(self) -> None:
        """Train the base model, or go on training it, and store it in float16."""
        fast = Tokenizer.from_file(str(self.tiny / "tokenizer.json"))
        model = loop.build(self.seed, fast.get_vocab_size(), SHAPE).to(self.device)
        plan = loop.Plan(self.steps)
        checkpoint = self.out / "base.checkpoint"
        totals = loop.train(model, fast, self.source, plan, checkpoint, self._report)
        store(model, self.tiny)
        (self.out / "totals.json").write_text(json.dumps(totals))

    def finetune(self) -> None:
        """Teach the base model the colours, storing a checkpoint at each step of the series."""
        fast = Tokenizer.from_file(str(self.tiny / "tokenizer.json"))
        model = load(self.tiny).to(self.device)
        source = series.Source(self.seed)

        def keep(step: int, model: Any, numbers: dict[str, float]) -> None:
            if step in series.KEPT:
                folder = self.out / "tuned" / str(series.KEPT.index(step) + 1)
                store(model, folder)
                for name in TOKENIZER_FILES:
                    shutil.copy(self.tiny / name, folder / name)

        loop.train(model, fast, source, series.PLAN, self.out / "series.checkpoint", keep)

    def evaluate(self) -> None:
        """Score the stored weights; write the cards and the series' table."""
        tokenizer = PreTrainedTokenizerFast.from_pretrained(self.tiny)
        totals = json.loads((self.out / "totals.json").read_text())
        base = load(self.tiny).to(self.device)
        card.write(self.tiny, base, tokenizer, self.seed, totals, self.note)
        tuned = self.out / "tuned"
        models = [load(tuned / str(i + 1)).to(self.device) for i in range(len(series.KEPT))]
        series.write(tuned, [base, *models], tokenizer)
        series_cards.write(tuned)

    def install(self, package: Path) -> None:
        """Copy the finished folders into the package."""
        for name in ("tiny", "tuned"):
            shutil.rmtree(package / name, ignore_errors=True)
            shutil.copytree(self.out / name, package / name)

    def _report(self, step: int, model: Any, numbers: dict[str, float]) -> None:
        """Score a sample of the exams and add a line to the log."""
        tokenizer = PreTrainedTokenizerFast.from_pretrained(self.tiny)
        line = {
            **numbers,
            "arithmetic": score(model, tokenizer, arithmetic_probes(400)),
            "facts": score(model, tokenizer, fact_probes()),
        }
        print(json.dumps(line), flush=True)
        with (self.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")


def load(folder: Path) -> Any:
    """The stored weights, widened to float32."""
    model: Any = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval()


def store(model: Any, folder: Path) -> None:
    """Write the weights in float16 and the configuration."""
    config = LlamaConfig.from_dict(model.config.to_dict())
    half: Any = LlamaForCausalLM(config)
    half.load_state_dict(model.state_dict())
    half.half().save_pretrained(folder)
    # Written for the owner alone by default, which would not survive being installed.
    (folder / "model.safetensors").chmod(0o644)
