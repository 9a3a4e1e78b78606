"""Which part of the bundled corpus drives a neuron: by a scan of every labelled token, and by what an index kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from neuronscope.corpus.index import Index
from neuronscope.corpus.readers import Corpus
from neuronscope.models.loaded import LoadedModel

STRONG = 0.99
"""Of a neuron's values over the corpus, the share below which none counts as strong."""
ROWS = 16


@dataclass(frozen=True)
class Scan:
    """Of each neuron (layers side by side) and part, how often the part's tokens drive the neuron strongly ``[neuron, part]``."""

    parts: tuple[str, ...]
    rates: np.ndarray
    tokens: np.ndarray
    """Tokens of each part."""

    @property
    def best(self) -> np.ndarray:
        """The part that drives each neuron most often, for its size."""
        return self.rates.argmax(axis=1)

    @property
    def selectivity(self) -> np.ndarray:
        """That part's share of all parts' rates: 1 where no other part drives the neuron strongly at all."""
        return self.rates.max(axis=1) / self.rates.sum(axis=1)


@dataclass(frozen=True)
class Agreement:
    """Neurons of one part by the scan, the most selective ones, and how many have the same part by their top contexts."""

    part: str
    neurons: int
    agree: int
    least: float
    """The least selectivity among them."""


def scan(loaded: LoadedModel, corpus: Corpus) -> Scan:
    """Run every document by itself behind the tokenizer's own start, with bare hooks; special tokens don't count."""
    taken: list[torch.Tensor] = []
    handles = [
        layer.mlp.down_proj.register_forward_pre_hook(lambda _m, args: taken.append(args[0].detach().clone()))
        for layer in loaded.model.model.layers
    ]
    documents = sorted(corpus, key=lambda document: len(document.text))
    values, labels = [], []
    try:
        for first in range(0, len(documents), ROWS):
            lot = documents[first : first + ROWS]
            texts = [document.text for document in lot]
            options = {"padding": True, "padding_side": "right", "return_tensors": "pt", "return_offsets_mapping": True}
            rows = loaded.tokenizer(texts, **options)
            ids, mask = rows["input_ids"], rows["attention_mask"]
            assert ids.shape[1] <= (loaded.context_length or ids.shape[1])
            taken.clear()
            with torch.no_grad():
                loaded.model.model(ids, attention_mask=mask, use_cache=False)
            grid = torch.cat(taken, dim=-1).numpy()
            plain = mask.numpy().astype(bool) & ~np.isin(ids.numpy(), loaded.tokenizer.all_special_ids)
            for number, document in enumerate(lot):
                spans = document.spans or ()
                starts = rows["offset_mapping"][number].numpy()[plain[number], 0]
                of = np.searchsorted([span.end for span in spans], starts, side="right")
                labels += [corpus.parts.index(spans[min(place, len(spans) - 1)].part) for place in of.tolist()]
                values.append(grid[number][plain[number]])
    finally:
        for handle in handles:
            handle.remove()
    table, part = np.concatenate(values), np.array(labels)
    strong = table > np.quantile(table, STRONG, axis=0)
    tokens = np.bincount(part, minlength=len(corpus.parts))
    counts = np.stack([strong[part == number].sum(axis=0) for number in range(len(corpus.parts))], axis=1)
    return Scan(corpus.parts, counts / np.maximum(tokens, 1), tokens)


def parts_of_contexts(index: Index, found: Scan) -> np.ndarray:
    """Each neuron's part by its kept contexts alone: where their peaks stand most often, for the parts' sizes."""
    names = [f"mlp_act.{layer}:{unit}" for layer, count in enumerate(index.manifest.units) for unit in range(count)]
    best = []
    for name in names:
        counts = np.zeros(len(found.parts))
        for context in index.top(name, k=index.manifest.k, window=0):
            assert context.parts is not None
            counts[found.parts.index(context.parts[0])] += 1
        best.append(int((counts / np.maximum(found.tokens, 1)).argmax()))
    return np.array(best)


def agreement(found: Scan, mine: np.ndarray, chosen: np.ndarray, part: str) -> Agreement:
    """How many of the chosen neurons have the same part both ways."""
    agree = int((found.best[chosen] == mine[chosen]).sum())
    return Agreement(part, len(chosen), agree, float(found.selectivity[chosen].min(initial=1.0)))


def most_selective(found: Scan, count: int) -> np.ndarray:
    """The most selective neurons of all."""
    return np.argsort(-found.selectivity, kind="stable")[:count]


def by_part(found: Scan, mine: np.ndarray, each: int) -> Sequence[Agreement]:
    """The most selective neurons of every part, so that the largest part is not all that is looked at."""
    rows = []
    for number, part in enumerate(found.parts):
        of = np.flatnonzero(found.best == number)
        chosen = of[np.argsort(-found.selectivity[of], kind="stable")[:each]]
        rows.append(agreement(found, mine, chosen, part))
    return rows
