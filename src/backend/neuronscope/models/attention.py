"""Attention rows beside sdpa: a function registered with transformers that looks at each call and then makes it unchanged.

The model runs the very kernel it would run anyway, on the same tensors and mask, so its logits stay bit for bit the
same; the weights are computed beside it. Families that run eager attention return their weights themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

OBSERVED = "neuronscope_sdpa"


@dataclass(frozen=True)
class AttentionCall:
    """What one attention module handed to the kernel: ``query [b, h, p, e]``, ``key`` and ``value [b, g, k, e]``."""

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    scaling: float | None
    causal: bool

    def weights(self) -> Tensor:
        """Softmax attention ``[b, h, p, k]`` in float32, from the same queries, keys and mask as the kernel's."""
        batch, heads, queries, width = self.query.shape
        kv_heads, keys = self.key.shape[1:3]
        scale = self.scaling if self.scaling is not None else width**-0.5
        # Heads that share keys become rows of one product, so that the keys are not copied for each of them.
        shared = self.query.reshape(batch, kv_heads, -1, width)
        scores = torch.matmul(shared, self.key.transpose(2, 3)).view(batch, heads, queries, keys).float() * scale
        if self.mask is not None:
            mask = self.mask[..., :keys]
            scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask.float()
        elif self.causal and queries > 1:
            future = torch.ones(queries, keys, dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(future, float("-inf"))
        # A row that may attend to nothing (padding) is all -inf; its weights are 0, as sdpa's output there is.
        return torch.softmax(scores, dim=-1).nan_to_num(0.0)

    def last(self) -> AttentionCall:
        """The same call for its last query only, which sees every key that the mask leaves it."""
        mask = None if self.mask is None else self.mask[..., -1:, :]
        return replace(self, query=self.query[:, :, -1:], mask=mask)


Observer = Callable[[nn.Module, AttentionCall], None]
_observer: ContextVar[Observer | None] = ContextVar("attention_observer", default=None)


def _observed_sdpa(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    observer = _observer.get()
    if observer is not None:
        causal = kwargs.get("is_causal")
        causal = bool(getattr(module, "is_causal", True)) if causal is None else bool(causal)
        observer(module, AttentionCall(query, key, value, attention_mask, kwargs.get("scaling"), causal))
    return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)


AttentionInterface.register(OBSERVED, _observed_sdpa)
# Without its mask function, sliding windows would fall back to none and the logits go wrong.
AttentionMaskInterface.register(OBSERVED, sdpa_mask)


def configs_of(model: PreTrainedModel) -> list[Any]:
    """Every configuration that a module of the model holds, each once."""
    configs: dict[int, Any] = {id(c): c for c in (getattr(m, "config", None) for m in model.modules())}
    return [config for config in configs.values() if config is not None]


@contextmanager
def observe_attention(model: PreTrainedModel, observer: Observer, configs: list[Any] | None = None) -> Iterator[None]:
    """Within it, ``observer(module, call)`` sees each attention call of a model that runs sdpa.

    The implementation named in the model's configurations is switched for the time of the context and put back.
    Models on other kernels are left as they are, and nothing is observed. ``configs``, from :func:`configs_of`, saves
    the search for them to who enters at every step.
    """
    configs = configs_of(model) if configs is None else configs
    switched = [c for c in configs if getattr(c, "_attn_implementation", None) == "sdpa"]
    token = _observer.set(observer)
    for config in switched:
        config._attn_implementation_internal = OBSERVED
    try:
        yield
    finally:
        for config in switched:
            config._attn_implementation_internal = "sdpa"
        _observer.reset(token)
