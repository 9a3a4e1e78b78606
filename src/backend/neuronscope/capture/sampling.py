"""Choosing the next token: the likeliest, or one drawn by temperature, top-k and top-p, in transformers' order."""

from __future__ import annotations

import torch
from torch import Tensor


class Sampler:
    """Draws with a generator of its own on the CPU, so that a seed gives the same tokens on every device."""

    def __init__(self, temperature: float, top_k: int | None, top_p: float | None, seed: int) -> None:
        self._temperature, self._top_k, self._top_p = temperature, top_k, top_p
        self._generator = torch.Generator().manual_seed(seed)

    def pick(self, logits: Tensor) -> Tensor:
        """The id of the next token, a tensor of no axes on the logits' device, from float32 logits ``[vocabulary]``."""
        if self._temperature == 0:
            return logits.argmax()
        probabilities = torch.softmax(self.scores(logits), dim=-1)
        drawn = torch.multinomial(probabilities.cpu(), 1, generator=self._generator)
        return drawn[0].to(logits.device)

    def scores(self, logits: Tensor) -> Tensor:
        """Logits over the temperature; those outside top-k and then top-p are minus infinity.

        As in transformers' ``TemperatureLogitsWarper``, ``TopKLogitsWarper`` and ``TopPLogitsWarper``: ties with the k-th
        stay, and so does the token that takes the sum over ``top_p``.
        """
        scores = logits / self._temperature
        if self._top_k is not None:
            least = scores.topk(min(self._top_k, scores.shape[-1])).values[-1]
            scores = scores.masked_fill(scores < least, float("-inf"))
        if self._top_p is not None and self._top_p < 1:
            ascending, order = scores.sort()
            outside = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - self._top_p
            outside[-1] = False
            scores = scores.masked_fill(torch.zeros_like(outside).scatter(0, order, outside), float("-inf"))
        return scores
