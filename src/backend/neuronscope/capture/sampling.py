"""Choosing the next token: the likeliest, or one drawn by temperature, top-k and top-p, in transformers' order."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Sampler:
    """Draws with a generator of its own on the CPU, so that a seed gives the same tokens on every device."""

    def __init__(self, temperature: float, top_k: int | None, top_p: float | None, seed: int) -> None:
        self._temperature, self._top_k, self._top_p = temperature, top_k, top_p
        self._generator = torch.Generator().manual_seed(seed)
        self.greedy = temperature == 0
        """Whether it takes the likeliest token, which needs no draw."""

    def choose(self, logits: Tensor, count: int) -> list[Tensor]:
        """The next token from float32 ``[vocabulary]``, on its device, beside the ``count`` likeliest ones.

        The token's id and log-probability, without axes; then log-probabilities, ids and logits of the likeliest ones,
        likeliest first. All but the choice itself are of the logits before temperature.
        """
        if logits.device.type == "cpu":
            return self._choose_on_cpu(logits, count)
        token = logits.argmax() if self.greedy else self._draw(logits)
        likely = torch.log_softmax(logits, dim=-1)
        best = likely.topk(min(count, likely.shape[-1]))
        # Indexing by the token itself would wait for the device.
        return [token, likely.gather(0, token.view(1))[0], best.values, best.indices, logits[best.indices]]

    def _choose_on_cpu(self, logits: Tensor, count: int) -> list[Tensor]:
        from neuronscope.capture.likely_kernel import likeliest

        values = np.ascontiguousarray(logits.numpy())
        best = np.empty(max(1, min(count, values.size)), np.int64)
        whole = np.float32(likeliest(values, best))
        if not np.isfinite(whole):
            best = np.argsort(-values, kind="stable")[: len(best)]
        token = int(best[0]) if self.greedy else int(self._draw(logits))
        best = best[:count]
        found = (np.array(token), np.array(values[token] - whole), values[best] - whole, best, values[best])
        return [torch.from_numpy(array) for array in found]

    def _draw(self, logits: Tensor) -> Tensor:
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
