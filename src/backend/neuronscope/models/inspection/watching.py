"""Which softmax, product or attention kernel ran in which module: watched beside the computation, which stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

from neuronscope.core.errors import PointUnavailable
from neuronscope.models.attention import AttentionCall, observe_attention

KINDS = {
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "topk": "topk",
    "matmul": "product",
    "__matmul__": "product",
    "bmm": "product",
    "baddbmm": "product",
    "scaled_dot_product_attention": "kernel",
}


@dataclass(frozen=True)
class Event:
    """One watched computation: the innermost module that was running, its tensors, named arguments and result."""

    kind: str
    module: nn.Module | None
    tensors: tuple[Tensor, ...]
    named: Mapping[str, Any]
    result: Tensor


class Watcher(TorchFunctionMode):
    """Within it, ``tell`` hears of each watched computation after it ran; ``running`` is the caller's stack of modules."""

    def __init__(self, running: Sequence[nn.Module], tell: Callable[[Event], None]) -> None:
        super().__init__()
        self._running, self._tell = running, tell

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        result = func(*args, **named)
        kind = KINDS.get(getattr(func, "__name__", ""))
        if kind is not None:
            first = result[0] if isinstance(result, tuple) else result
            tensors = tuple(t for t in (*args, *named.values()) if isinstance(t, Tensor))
            if isinstance(first, Tensor) and tensors:
                module = self._running[-1] if self._running else None
                # The names of baddbmm's operands follow the matrix that is added to their product.
                operands = tensors[1:] if getattr(func, "__name__", "") == "baddbmm" else tensors
                self._tell(Event(kind, module, operands, {**named, "args": args}, first))
        return result


@dataclass(frozen=True)
class AppliedWeights:
    """Attention that a module computes itself: ``rows [b, h, p, k]`` as they multiply the values, and their operands.

    ``query [b, h, p, e]``, ``key`` and ``value [b, h, k, e]``, or ``None`` where they did not show themselves.
    """

    rows: Tensor
    query: Tensor | None
    key: Tensor | None
    value: Tensor | None

    def weights(self) -> Tensor:
        """The rows in float32, as :meth:`AttentionCall.weights` gives them."""
        return self.rows.float()


class WeightsReader:
    """Makes attention out of one module's events: scores, their softmax, and the product with the values."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._products: list[Event] = []
        self._softmax: Event | None = None

    def hear(self, event: Event) -> AttentionCall | AppliedWeights | None:
        """The attention that this event completes, if it does."""
        if event.kind == "kernel":
            return _kernel_call(event)
        if event.kind == "softmax" and event.result.ndim in (3, 4):
            self._softmax = event
        elif event.kind == "product" and self._softmax is not None:
            softmax, scores, self._softmax = self._softmax, self._products, None
            self._products = []
            return self._applied(softmax, scores, event)
        elif event.kind == "product":
            self._products.append(event)
        return None

    def _applied(self, softmax: Event, scores: list[Event], mixing: Event) -> AppliedWeights | None:
        rows = self._heads(mixing.tensors[0])
        if rows is None or rows.shape[-2] != softmax.result.shape[-2] or rows.shape[-1] > softmax.result.shape[-1]:
            return None
        probabilities = self._heads(softmax.result)
        if len(mixing.tensors) < 2 or probabilities is None:
            return None
        # A sink's column is cut off before the product, so the rows may be narrower than the softmax.
        if not torch.equal(rows, probabilities[..., : rows.shape[-1]].to(rows.dtype)):
            return None
        value = self._heads(mixing.tensors[1])
        query = key = None
        for product in reversed(scores):
            if len(product.tensors) == 2 and product.result.numel() == rows.numel():
                query, right = (self._heads(t) for t in product.tensors)
                key = right.transpose(-1, -2) if right is not None else None
                break
        return AppliedWeights(rows, query, key, value)

    def _heads(self, tensor: Tensor) -> Tensor | None:
        if tensor.ndim == 3 and tensor.shape[0] % self._batch == 0:
            return (
                tensor.view(self._batch, -1, *tensor.shape[1:])
                if tensor.is_contiguous()
                else tensor.reshape(self._batch, -1, *tensor.shape[1:])
            )
        return tensor if tensor.ndim == 4 else None


def _kernel_call(event: Event) -> AttentionCall | None:
    if len(event.tensors) < 3 or event.tensors[0].ndim != 4:
        return None
    args = event.named["args"]
    named = {
        **dict(zip(("query", "key", "value", "attn_mask", "dropout_p", "is_causal"), args, strict=False)),
        **event.named,
    }
    mask = named.get("attn_mask")
    return AttentionCall(
        named["query"],
        named["key"],
        named["value"],
        mask if isinstance(mask, Tensor) else None,
        named.get("scale"),
        bool(named.get("is_causal", False)),
        event.result.transpose(1, 2),
    )


def own_attention(events: Sequence[Event], batch: int) -> dict[nn.Module, AttentionCall | AppliedWeights]:
    """Attention by module, from the events of one pass over ``batch`` rows."""
    readers: dict[nn.Module, WeightsReader] = {}
    found: dict[nn.Module, AttentionCall | AppliedWeights] = {}
    for event in events:
        if event.module is not None:
            call = readers.setdefault(event.module, WeightsReader(batch)).hear(event)
            if call is not None:
                found[event.module] = call
    return found


def is_attention(call: AttentionCall | AppliedWeights) -> bool:
    """Whether its rows are softmax attention's: not negative, of sum 1 (or less: a sink takes the rest), and the ones by
    which the kernel mixed the values, where it is known what it made."""
    rows = call.weights()
    if rows.ndim != 4 or not bool((rows >= 0).all()):
        return False
    sums = rows.sum(-1)
    if not bool((sums <= 1.01).all()) or not bool((sums > 0).all()):
        return False
    if isinstance(call, AppliedWeights) or call.output is None:
        return True
    value = call.value.float()
    mixed = torch.matmul(rows, value.repeat_interleave(rows.shape[1] // value.shape[1], dim=1)).transpose(1, 2)
    bound = 64 * torch.finfo(call.output.dtype).eps * value.abs().amax()
    return mixed.shape == call.output.shape and bool(((mixed - call.output.float()).abs() <= bound).all())


@contextmanager
def observe_rows(
    model: PreTrainedModel, batch: int, sinks: Mapping[nn.Module, Callable[[Tensor], None]], own: Collection[nn.Module]
) -> Iterator[None]:
    """Within it, each module's sink gets its attention rows ``[b, h, p, k]`` in every pass over ``batch`` rows.

    Calls of transformers' interface are seen there. Modules in ``own`` compute attention themselves, and so do all where
    the model has been set to another kernel than sdpa: they are watched as they do so.
    Either way the model computes what it would have computed, with the same kernel. Raises :class:`PointUnavailable`
    where a module ran and attended in a way that shows no rows.
    """
    watched = {m for m in sinks if m in own or not _runs_sdpa(m, model)}
    running: list[nn.Module] = []
    readers: dict[nn.Module, WeightsReader] = {}

    def by_interface(module: nn.Module, call: AttentionCall) -> None:
        if module in sinks and module not in watched:
            sinks[module](call.weights())

    def by_watching(event: Event) -> None:
        if event.module is None or event.module not in watched:
            return
        call = readers.setdefault(event.module, WeightsReader(batch)).hear(event)
        if call is not None:
            silent.discard(event.module)
            sinks[event.module](call.weights())

    watcher = Watcher(running, by_watching)
    silent: set[nn.Module] = set()

    def enter(module: nn.Module, _args: object) -> None:
        if not running:
            # Only while attention runs: the rest of the model need not wait for a watcher.
            watcher.__enter__()  # type: ignore[no-untyped-call]  # torch leaves its modes untyped
        if module in watched:
            silent.add(module)
        running.append(module)
        readers.pop(module, None)

    def leave(module: nn.Module, _args: object, _output: object) -> None:
        # In a pass that fails, a module may be left that was never entered.
        if not running or running[-1] is not module:
            return
        running.pop()
        if not running:
            watcher.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # likewise

    with ExitStack() as stack:
        if len(watched) < len(sinks):
            stack.enter_context(observe_attention(model, by_interface))
        if watched:
            for module in watched:
                # Modules inside are watched too, so that what they compute is not taken for this module's own.
                for inner in module.modules():
                    stack.callback(inner.register_forward_pre_hook(enter).remove)
                    stack.callback(inner.register_forward_hook(leave, always_call=True).remove)
        yield
    if silent:
        kind = type(next(iter(silent))).__name__
        raise PointUnavailable(
            f"{kind} attended in a way that shows no rows: with another kernel than sdpa or eager, or in blocks.",
            "Ask for other points, or load the model with eager attention.",
        )


def _runs_sdpa(module: nn.Module, model: PreTrainedModel) -> bool:
    config = getattr(module, "config", model.config)
    return getattr(config, "_attn_implementation", None) == "sdpa"
