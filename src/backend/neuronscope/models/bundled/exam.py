"""Scores a model: exact answers to probes by greedy decoding, and its loss on each part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.nn import functional

from neuronscope.models.bundled.corpus import Document
from neuronscope.models.bundled.corpus.probes import Probe
from neuronscope.models.bundled.labels import token_parts

_IGNORED = -100


@torch.inference_mode()
def right(model: Any, tokenizer: Any, probes: Sequence[Probe], batch: int = 128) -> list[bool]:
    """For each probe, whether greedy decoding after its prompt gives exactly its answer.

    One forward pass a batch: greedy decoding reproduces the answer if and only if every answer
    token is the most likely one given the prompt and the answer tokens before it. `model` is a
    causal language model, `tokenizer` the one stored with it.
    """
    encoded = []
    for probe in probes:
        prompt = tokenizer(probe.prompt)["input_ids"]
        answer = tokenizer(probe.answer, add_special_tokens=False)["input_ids"]
        encoded.append((prompt + answer, len(prompt)))
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i][0]))
    verdicts = [False] * len(encoded)
    for first in range(0, len(order), batch):
        rows = order[first : first + batch]
        width = max(len(encoded[i][0]) for i in rows)
        # Padding on the right: under a causal mask nothing before it can see it.
        ids = torch.full((len(rows), width), tokenizer.pad_token_id)
        labels = torch.full((len(rows), width), _IGNORED)
        for row, i in enumerate(rows):
            tokens, start = encoded[i]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            labels[row, start : len(tokens)] = torch.tensor(tokens[start:])
        ids, labels = ids.to(model.device), labels[:, 1:].to(model.device)
        chosen = model(input_ids=ids).logits[:, :-1].argmax(-1)
        correct = ((chosen == labels) | (labels == _IGNORED)).all(dim=1).tolist()
        for row, i in enumerate(rows):
            verdicts[i] = correct[row]
    return verdicts


def score(model: Any, tokenizer: Any, probes: Sequence[Probe], batch: int = 128) -> float:
    """Share of probes answered right, from 0 to 1."""
    return sum(right(model, tokenizer, probes, batch)) / len(probes)


@torch.inference_mode()
def part_losses(model: Any, tokenizer: Any, documents: Iterable[Document], batch: int = 32) -> dict[str, float]:
    """Mean loss in nats a token over the tokens of each part, one document a row.

    Documents are cut at the tokenizer's `model_max_length`.
    """
    encoded = []
    for document in documents:
        found = tokenizer(document.text, return_offsets_mapping=True, truncation=True)
        encoded.append((found["input_ids"], token_parts(document, found["offset_mapping"])))
    encoded.sort(key=lambda pair: len(pair[0]))
    totals: dict[str, list[float]] = defaultdict(list)
    for first in range(0, len(encoded), batch):
        rows = encoded[first : first + batch]
        ids = torch.full((len(rows), len(rows[-1][0])), tokenizer.pad_token_id)
        for row, (tokens, _) in enumerate(rows):
            ids[row, : len(tokens)] = torch.tensor(tokens)
        ids = ids.to(model.device)
        logits = model(input_ids=ids).logits[:, :-1].transpose(1, 2)
        losses = functional.cross_entropy(logits, ids[:, 1:], reduction="none").tolist()
        for (_, parts), row_losses in zip(rows, losses, strict=True):
            # The first token is given; what follows a row's last part is padding.
            for part, loss in zip(parts[1:], row_losses, strict=False):
                totals[part].append(loss)
    return {part: sum(losses) / len(losses) for part, losses in sorted(totals.items())}
