"""Attention rows beside sdpa: a function that makes each call of transformers' own unchanged, and then looks at it.

The model runs the very kernel it would run anyway, on the same tensors and mask, so its logits stay bit for bit the
same; the weights are computed beside it. For families that don't go through transformers' interface, or run eager
attention, see :mod:`neuronscope.models.inspection.watching`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import create_position_bias_mask, sdpa_attention_forward


class AttentionCall(NamedTuple):
    """What one attention module handed to the kernel: ``query [b, h, p, e]``, ``key`` and ``value [b, g, k, e]``.

    ``mask`` is the one that the kernel saw, with any bias by position in it."""

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    scaling: float | None
    causal: bool
    output: Tensor | None = None
    """What the kernel made of it, ``[b, p, h, e]``."""

    @property
    def scale(self) -> float:
        """What scores are multiplied by."""
        return self.scaling if self.scaling is not None else self.query.shape[-1] ** -0.5

    def weights(self) -> Tensor:
        """Softmax attention ``[b, h, p, k]`` in float32, from the same queries, keys and mask as the kernel's."""
        batch, heads, queries, width = self.query.shape
        kv_heads, keys = self.key.shape[1:3]
        # Heads that share keys become rows of one product, so that the keys are not copied for each of them.
        shared = self.query.reshape(batch, kv_heads, -1, width)
        scores = torch.matmul(shared, self.key.transpose(2, 3)).view(batch, heads, queries, keys).float() * self.scale
        if self.mask is not None:
            scores = _masked(scores, self.mask[..., :keys])
        elif self.causal and queries > 1:
            future = torch.ones(queries, keys, dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(future, float("-inf"))
        # A row that may attend to nothing (padding) is all -inf; its weights are 0, as sdpa's output there is.
        return torch.softmax(scores, dim=-1).nan_to_num(0.0)

    def last(self) -> AttentionCall:
        """The same call for its last query only, which sees every key that the mask leaves it."""
        if self.query.shape[2] == 1:
            return self
        mask = None if self.mask is None else self.mask[..., -1:, :]
        queries, keys = self.query.shape[2], self.key.shape[2]
        if mask is None and self.causal and 1 < queries < keys:
            # A prompt in a static cache: behind it lie keys that are not there yet.
            mask = (torch.arange(keys, device=self.query.device) < queries).view(1, 1, 1, keys)
        return self._replace(query=self.query[:, :, -1:], mask=mask)


def rows_together(calls: Sequence[AttentionCall]) -> Tensor:
    """:meth:`AttentionCall.weights` of calls of one query, under one mask and of one shape, ``[call, h, 1, k]``, at once."""
    first = calls[0]
    batch, heads, _, width = first.query.shape
    kv_heads, keys = first.key.shape[1:3]
    products = [
        torch.matmul(call.query.reshape(batch, kv_heads, -1, width), call.key.transpose(2, 3)) for call in calls
    ]
    scores = torch.stack(products).view(len(calls), heads, 1, keys).float() * first.scale
    if first.mask is not None:
        scores = _masked(scores, first.mask[..., :keys])
    return torch.softmax(scores, dim=-1).nan_to_num(0.0)


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask.float()


Observer = Callable[[nn.Module, AttentionCall], None]
Seen = tuple[nn.Module, Tensor, Tensor, Tensor, Tensor | None, dict[str, Any], Tensor]
"""A call as it was made: its module, query, key, value, mask, all else, and what the kernel made of it."""
Cut = Callable[[Seen], Tensor]
_cut: ContextVar[Cut | None] = ContextVar("attention_cut", default=None)
_holder: ContextVar[Callable[[Seen], object] | None] = ContextVar("attention_holder", default=None)


def _observed_sdpa(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    cut = _cut.get()
    if cut is None:
        result = sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    else:
        result = cut((module, query, key, value, attention_mask, kwargs, query)), None
    hold = _holder.get()
    if hold is not None:
        hold((module, query, key, value, attention_mask, kwargs, result[0]))
    return result


def call_of(seen: Seen) -> AttentionCall:
    """A call that was held, as one that rows can be computed of."""
    module, query, key, value, mask, kwargs, output = seen
    causal = kwargs.get("is_causal")
    causal = bool(getattr(module, "is_causal", True)) if causal is None else bool(causal)
    bias = kwargs.get("position_bias")
    if bias is not None:
        one_by_one = causal and query.shape[2] > 1 and mask is None
        mask = create_position_bias_mask(bias, mask, one_by_one, query, key)
    return AttentionCall(query, key, value, mask, kwargs.get("scaling"), causal, output)


_turn = threading.Lock()
_observers = 0


@contextmanager
def _standing_in() -> Iterator[None]:
    """While any observer is at work, ``sdpa`` names the function above; for all who have none it is the same function.

    Another name would do for most families, but some ask what their attention is called and then mask otherwise.
    """
    global _observers
    with _turn:
        _observers += 1
        AttentionInterface.register("sdpa", _observed_sdpa)
    try:
        yield
    finally:
        with _turn:
            _observers -= 1
            if _observers == 0:
                AttentionInterface.register("sdpa", sdpa_attention_forward)


@contextmanager
def attention_cut(cut: Cut) -> Iterator[None]:
    """Within it, while an :class:`AttentionHold` is at work, ``cut`` stands in for attention in this thread: it is given each
    call, without an output, and gives the output ``[b, p, h, e]``."""
    token = _cut.set(cut)
    try:
        yield
    finally:
        _cut.reset(token)


def attend(call: Seen) -> Tensor:
    """The output ``[b, p, h, e]`` of a call, by the kernel that the model would run."""
    module, query, key, value, mask, kwargs, _ = call
    return sdpa_attention_forward(module, query, key, value, mask, **kwargs)[0]


def configs_of(model: PreTrainedModel) -> list[Any]:
    """Every configuration that a module of the model holds, each once."""
    configs: dict[int, Any] = {id(c): c for c in (getattr(m, "config", None) for m in model.modules())}
    return [config for config in configs.values() if config is not None]


class AttentionHold:
    """Within it, between :meth:`begin` and :meth:`end`, ``hold`` is given each attention call that is made through sdpa in
    this thread, before anything is made of it.

    ``configs`` are those of the model that runs; models on other kernels are left as they are, and nothing is held.
    """

    def __init__(self, hold: Callable[[Seen], object], configs: Sequence[Any]) -> None:
        self._hold = hold
        self._serves = any(getattr(config, "_attn_implementation", None) == "sdpa" for config in configs)
        self._standing_in: AbstractContextManager[None] | None = None
        self._token: Token[Callable[[Seen], object] | None] | None = None

    def __enter__(self) -> Self:
        if self._serves:
            self._standing_in = _standing_in()
            self._standing_in.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        if self._standing_in is not None:
            self._standing_in.__exit__(kind, error, trace)
            self._standing_in = None

    def begin(self) -> None:
        """Hold calls from here on."""
        if self._serves:
            self._token = _holder.set(self._hold)

    def end(self) -> None:
        """Hold no more; in the thread that began."""
        if self._token is not None:
            _holder.reset(self._token)
            self._token = None


@contextmanager
def observe_attention(model: PreTrainedModel, observer: Observer) -> Iterator[None]:
    """Within it, ``observer(module, call)`` sees each attention call that a model makes through sdpa in this thread."""
    with AttentionHold(lambda seen: observer(seen[0], call_of(seen)), configs_of(model)) as held:
        held.begin()
        yield
