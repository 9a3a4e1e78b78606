"""One small forward pass with everything recorded: how the tensors of a block really follow from each other.

Names only suggest a structure; equality of tensors shows it. Parallel blocks, shared norms, post-norms, multipliers
and the layout of fused projections are decided by comparing what is recorded here, and by nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.models.attention import AttentionCall, observe_attention
from neuronscope.models.inspection.structure import vocabulary_size
from neuronscope.models.inspection.watching import Event, Watcher

PROBE_BATCH, PROBE_LENGTH = 2, 6


@dataclass
class Recording:
    """What modules took and gave in one pass over rows of ``PROBE_LENGTH`` tokens.

    Tensors are ``[batch, position, …]``, also where a family flattens the two for a while. Of a module that ran more
    than once, the last run is kept, and ``calls`` says how often it ran.
    """

    inputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    outputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    items: dict[nn.Module, tuple[Tensor | None, ...]] = field(default_factory=dict)
    """All that a module gave, where that is a tuple: ``outputs`` has the first of them."""
    calls: Counter[nn.Module] = field(default_factory=Counter)
    attention: dict[nn.Module, AttentionCall] = field(default_factory=dict)
    """Calls of transformers' attention interface."""
    attention_outputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    """Weights ``[batch, head, query, key]`` of attention modules that return them."""
    events: list[Event] = field(default_factory=list)
    """Softmaxes, products and the like, in order, each with the module in which it was computed."""
    failure: str = ""
    modules: set[nn.Module] = field(default_factory=set)
    """All that were watched."""


def hidden_of(args: tuple[object, ...], kwargs: dict[str, object]) -> Tensor | None:
    """The hidden states among a module's arguments: the first positional tensor, or the one of that name."""
    named = kwargs.get("hidden_states")
    for value in (*args, named, *kwargs.values()):
        if isinstance(value, Tensor) and value.is_floating_point():
            return value
    return None


def output_of(output: object, item: int = 0) -> Tensor | None:
    """The main tensor of a module's output: itself, or of a tuple the first, or the one asked for."""
    if isinstance(output, tuple | list):
        output = output[item] if item < len(output) else None
    return output if isinstance(output, Tensor) else None


def with_batch(tensor: Tensor, batch: int, positions: int) -> Tensor:
    """``[batch, position, …]``, also where a family flattens the two for a while (OPT's MLP)."""
    if tensor.ndim == 2 and tensor.shape[0] == batch * positions:
        return tensor.view(batch, positions, -1)
    return tensor


def _kept(value: object, shape: tuple[int, int]) -> Tensor | None:
    return with_batch(value.detach().clone(), *shape) if isinstance(value, Tensor) else None


@torch.no_grad()
def record(model: PreTrainedModel, modules: Iterable[nn.Module] | None = None, batch: int = 1) -> Recording:
    """Run ``batch`` rows of fixed tokens through the model; keep copies of what these modules, or all, took and gave.

    A pass that fails (a model that wants more than token ids) leaves its message in ``failure``.
    """
    seen = _record(model, modules, batch)
    # A model may exchange parts of itself in its first pass (BigBird, for short texts): then the second one counts.
    return seen if modules is not None or seen.modules == set(model.modules()) else _record(model, modules, batch)


def _record(model: PreTrainedModel, modules: Iterable[nn.Module] | None, batch: int) -> Recording:
    running: list[nn.Module] = []
    ids = _ids(model, batch)
    watched = list(model.modules() if modules is None else dict.fromkeys(modules))
    seen = Recording(modules=set(watched))
    watcher = Watcher(running, seen.events.append)
    try:
        with (
            _hooked(watched, seen, running, (batch, PROBE_LENGTH)),
            observe_attention(model, seen.attention.__setitem__),
            watcher,
        ):
            model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    except Exception as failed:  # whatever a foreign model raises is the answer to what is wrong with it
        seen.failure = f"{type(failed).__name__}: {failed}"
    return seen


def _ids(model: PreTrainedModel, batch: int) -> Tensor:
    numbers = torch.arange(batch * PROBE_LENGTH, device=model.device) * 7919 + 11
    return (numbers % vocabulary_size(model)).view(batch, -1)


@torch.no_grad()
def record_step(model: PreTrainedModel, batch: int) -> Recording | None:
    """The last of the probe's tokens run by itself over a cache of the others, as in generation.

    ``None`` where the model keeps no cache, or none that it can be run on like this.
    """
    ids = _ids(model, batch)
    seen = Recording()
    try:
        cache = model(
            input_ids=ids[:, :-1], attention_mask=torch.ones_like(ids[:, :-1]), use_cache=True
        ).past_key_values
        if cache is None:
            return None
        with _hooked(list(model.modules()), seen, [], (batch, 1)):
            model(input_ids=ids[:, -1:], attention_mask=torch.ones_like(ids), past_key_values=cache, use_cache=True)
    except Exception:  # a family without this way of running is read without it
        return None
    return seen


@contextmanager
def _hooked(
    modules: list[nn.Module], seen: Recording, running: list[nn.Module], shape: tuple[int, int]
) -> Iterator[None]:
    handles = []

    def before(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        running.append(module)
        hidden = _kept(hidden_of(args, kwargs), shape)
        if hidden is not None:
            seen.inputs[module] = hidden

    def after(module: nn.Module, _args: object, output: object) -> None:
        running.pop()
        seen.calls[module] += 1
        hidden = _kept(output_of(output), shape)
        if hidden is not None:
            seen.outputs[module] = hidden
        if isinstance(output, tuple | list):
            seen.items[module] = tuple(_kept(value, shape) for value in output)
            if len(output) > 1 and isinstance(output[1], Tensor) and output[1].ndim == 4:
                seen.attention_outputs[module] = output[1].detach().clone()

    for module in modules:
        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(module.register_forward_hook(after))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two recorded tensors are the same one, bit for bit."""
    return a is not None and b is not None and a.shape == b.shape and torch.equal(a, b)


def agrees(a: Tensor, b: Tensor, scale: Tensor | None = None) -> bool:
    """Whether they agree to a few roundings of their dtype, value by value.

    The bound is relative to each value, or to ``scale`` where they are the result of a sum whose terms were larger:
    one relative to the largest value would let anything pass beside a stream's few huge coordinates.
    """
    if a.shape != b.shape or not a.is_floating_point() or not b.is_floating_point():
        return False
    eps = max(torch.finfo(a.dtype).eps, torch.finfo(b.dtype).eps)
    x, y = a.float(), b.float()
    size = scale.float() if scale is not None else x.abs() + y.abs()
    return bool(((x - y).abs() <= 4 * eps * size + 1e-30).all())


def adds_up(before: Tensor, added: Tensor, after: Tensor) -> bool:
    """Whether ``after`` is ``before + added``, to the rounding of a sum."""
    if before.shape != added.shape or before.shape != after.shape:
        return False
    return agrees(before + added, after, before.abs() + added.abs())
