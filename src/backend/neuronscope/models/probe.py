"""One small forward pass with everything recorded: how the tensors of a block really follow from each other.

Names only suggest a structure; equality of tensors shows it. Parallel blocks, shared norms, post-norms, multipliers
and the layout of fused projections are decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.models.attention import AttentionCall, observe_attention
from neuronscope.models.structure import vocabulary_size

PROBE_LENGTH = 6


@dataclass
class Recording:
    """First input and output of every watched module in one pass, each ``[1, position, …]``, and the attention calls."""

    inputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    outputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    attention: dict[nn.Module, AttentionCall] = field(default_factory=dict)
    attention_outputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    """Weights ``[1, head, query, key]`` of attention modules that return them."""


def hidden_of(args: tuple[object, ...], kwargs: dict[str, object]) -> Tensor | None:
    """The hidden states among a module's arguments: the first positional tensor, or the one of that name."""
    named = kwargs.get("hidden_states")
    for value in (*args, named, *kwargs.values()):
        if isinstance(value, Tensor) and value.is_floating_point():
            return value
    return None


def output_of(output: object) -> Tensor | None:
    """The main tensor of a module's output: itself, or the first of a tuple."""
    first = output[0] if isinstance(output, tuple | list) and output else output
    return first if isinstance(first, Tensor) else None


def with_batch(tensor: Tensor, batch: int, positions: int) -> Tensor:
    """``[batch, position, …]``, also where a family flattens the two for a while (OPT's MLP)."""
    if tensor.ndim == 2 and tensor.shape[0] == batch * positions:
        return tensor.view(batch, positions, -1)
    return tensor


@torch.no_grad()
def record(model: PreTrainedModel, modules: Iterable[nn.Module]) -> Recording:
    """Run :data:`PROBE_LENGTH` fixed tokens through the model and keep copies of what the modules took and gave."""
    seen = Recording()
    handles = []

    def before(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        hidden = hidden_of(args, kwargs)
        if hidden is not None:
            seen.inputs[module] = with_batch(hidden.detach().clone(), 1, PROBE_LENGTH)

    def after(module: nn.Module, _args: object, output: object) -> None:
        hidden = output_of(output)
        if hidden is not None:
            seen.outputs[module] = with_batch(hidden.detach().clone(), 1, PROBE_LENGTH)
        if isinstance(output, tuple) and len(output) > 1 and isinstance(output[1], Tensor) and output[1].ndim == 4:
            seen.attention_outputs[module] = output[1].detach().clone()

    for module in set(modules):
        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(module.register_forward_hook(after))
    vocabulary = vocabulary_size(model)
    ids = (torch.arange(PROBE_LENGTH, device=model.device) * 7919 + 11) % vocabulary
    try:
        with observe_attention(model, seen.attention.__setitem__):
            model(input_ids=ids[None], attention_mask=torch.ones_like(ids[None]), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two recorded tensors are the same one, bit for bit."""
    return a is not None and b is not None and a.shape == b.shape and torch.equal(a, b)


def close(a: Tensor, b: Tensor) -> bool:
    """Whether they agree to the rounding of their dtype, relative to their size."""
    if a.shape != b.shape:
        return False
    bound = 64 * torch.finfo(a.dtype).eps * float(torch.maximum(a.abs().max(), b.abs().max()).float()) + 1e-12
    return float((a.float() - b.float()).abs().max()) <= bound
