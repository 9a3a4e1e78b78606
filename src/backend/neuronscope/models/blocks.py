"""The hook points of one block: which module's input or output each is, and why one is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from neuronscope.models.probe import Recording, close, same
from neuronscope.models.structure import Block

Side = Literal["input", "output", "attention"]
Place = tuple[nn.Module, Side, Callable[[Tensor], Tensor]]

NO_ATTENTION = "this block has no attention"
PARALLEL = "attention and MLP run in parallel in this family, so there is no stream between them"
NORMALISED = "this family normalises the sum, so no tensor is simply added to the stream"
UNPROVED = "queries, keys and values share one projection here, and its layout could not be proved by a forward pass"
EXPERTS = "this block is a mixture of experts, and transformers keeps experts as fused 3-D parameters without a module between"


@dataclass
class BlockSites:
    """``places`` maps point names to ``(module, side, take)``, ``refused`` the others to a reason."""

    places: dict[str, Place] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    parallel: bool = False

    def put(self, point: str, module: nn.Module, side: Side, take: Callable[[Tensor], Tensor] | None = None) -> None:
        self.places[point] = (module, side, take or _whole)

    def refuse(self, points: str, reason: str) -> None:
        for point in points.split():
            self.refused[point] = reason


def inspect_block(
    block: Block, seen: Recording, config: object, heads: int, kv_heads: int, head_dim: int
) -> BlockSites:
    """Sites and refusals of one block, from its parts and what the probe recorded of them."""
    found = BlockSites()
    found.put("resid_pre", block.module, "input")
    found.put("resid_post", block.module, "output")
    _attention(found, block, seen, heads, kv_heads, head_dim)
    _mlp(found, block, seen)
    _stream(found, block, seen, config)
    return found


def _attention(found: BlockSites, block: Block, seen: Recording, heads: int, kv_heads: int, head_dim: int) -> None:
    if block.attention is None:
        found.refuse("ln1 q k v attn_weights attn_out attn_add", NO_ATTENTION)
        return
    inside = set(block.attention.modules())
    call = next((c for m, c in seen.attention.items() if m in inside), None)
    for name, module, count in (("q", block.q, heads), ("k", block.k, kv_heads), ("v", block.v, kv_heads)):
        if module is not None:
            found.put(name, module, "output", _split_heads(count))
    fused_width = (heads + 2 * kv_heads) * head_dim
    fused = seen.outputs.get(block.qkv) if block.qkv is not None else None
    if block.qkv is not None and call is not None and fused is not None and fused.shape[-1] == fused_width > 0:
        for takes in _fused_layouts(heads, kv_heads, head_dim):
            # Values reach the kernel as projected, queries and keys only after norms and rotary embedding.
            if same(takes["v"](fused).transpose(1, 2), call.value):
                for name, take in takes.items():
                    found.put(name, block.qkv, "output", take)
                break
    for name in "qkv":
        if name not in found.places:
            found.refuse(name, UNPROVED if block.qkv is not None else "its projection was not found by inspection")
    if call is not None:
        found.put("attn_weights", next(m for m in seen.attention if m in inside), "attention")
    else:
        eager = next((m for m in inside if m in seen.attention_outputs), None)
        if eager is not None:
            found.put("attn_weights", eager, "attention")
        else:
            found.refuse("attn_weights", "this family computes attention without transformers' attention interface")
    if block.attn_out is not None:
        found.put("attn_out", block.attn_out, "output")
    else:
        found.refuse("attn_out attn_add", "attention's output projection was not found by inspection")


def _mlp(found: BlockSites, block: Block, seen: Recording) -> None:
    if block.experts:
        found.refuse("mlp_pre mlp_gate mlp_up mlp_act mlp_out mlp_add", EXPERTS)
        return
    if block.mlp_out is None:
        found.refuse("mlp_pre mlp_gate mlp_up mlp_act mlp_out mlp_add", "no MLP was found in this block")
        return
    found.refuse("router", "this block is not a mixture of experts")
    found.put("mlp_act", block.mlp_out, "input")
    found.put("mlp_out", block.mlp_out, "output")
    if block.mlp_in is not None:
        found.put("mlp_pre", block.mlp_in, "output")
        found.refuse("mlp_gate mlp_up", "its MLP has no gate; ask for mlp_pre")
        return
    if block.gate is not None and block.up is not None:
        found.put("mlp_gate", block.gate, "output")
        found.put("mlp_up", block.up, "output")
    elif block.gate_up is not None and block.gate_up in seen.outputs:
        _fused_gate(found, block, seen)
    found.refuse("mlp_pre", "its MLP is gated; ask for mlp_gate and mlp_up")
    for name in ("mlp_gate", "mlp_up"):
        if name not in found.places:
            found.refuse(name, "the layout of its fused gate and up projection was not found by inspection")


def _fused_gate(found: BlockSites, block: Block, seen: Recording) -> None:
    assert block.gate_up is not None
    assert block.mlp_out is not None
    fused, neurons = seen.outputs[block.gate_up], seen.inputs[block.mlp_out]
    halves = {"first": _half(0), "second": _half(1), "even": _stride(0), "odd": _stride(1)}
    for gate, up in (("first", "second"), ("second", "first"), ("even", "odd"), ("odd", "even")):
        if block.activation is None:
            return
        if close(block.activation(halves[gate](fused)) * halves[up](fused), neurons):
            found.put("mlp_gate", block.gate_up, "output", halves[gate])
            found.put("mlp_up", block.gate_up, "output", halves[up])
            return


def _stream(found: BlockSites, block: Block, seen: Recording, config: object) -> None:
    """Norms, the stream between attention and MLP, and what is added to it: all from equality of tensors."""
    pre, post = seen.inputs.get(block.module), seen.outputs.get(block.module)
    attn_in = seen.inputs.get(block.attention) if block.attention is not None else None
    mlp_in = seen.inputs.get(block.mlp) if block.mlp is not None else None
    ln1 = next((n for n in block.norms if same(seen.outputs.get(n), attn_in)), None)
    ln2 = next((n for n in block.norms if same(seen.outputs.get(n), mlp_in)), None)
    # A norm whose result itself goes on as the stream (OPT-350m) comes after a sum, not before a part.
    if ln2 is not None and _carries_stream(ln2, block, seen):
        ln2 = None
    _norms(found, ln1, ln2)
    if pre is None or post is None or block.mlp is None:
        found.refuse("resid_mid attn_add mlp_add", "its block does not show what it adds")
        return
    attn_add = _added(block, block.attn_out, seen, config)
    mlp_add = _added(block, block.mlp_out, seen, config)
    mid_module = ln2 if ln2 is not None else block.mlp
    mid = seen.inputs.get(mid_module)
    if block.attention is None:
        found.refuse("resid_mid", NO_ATTENTION)
        _put_add(found, "mlp_add", mlp_add, pre, post)
        return
    if same(mid, pre) or (ln2 is not None and ln2 is ln1) or same(mid, attn_in):
        found.parallel = True
        found.refuse("resid_mid", PARALLEL)
        _parallel_adds(found, attn_add, mlp_add, pre, post)
        return
    if mid is None:
        found.refuse("resid_mid attn_add mlp_add", "its block does not show the stream between attention and MLP")
        return
    found.put("resid_mid", mid_module, "input")
    _put_add(found, "attn_add", attn_add, pre, mid)
    _put_add(found, "mlp_add", mlp_add, mid, post)


def _norms(found: BlockSites, ln1: nn.Module | None, ln2: nn.Module | None) -> None:
    for point, norm, part in (("ln1", ln1, "attention"), ("ln2", ln2, "the MLP")):
        if norm is not None:
            found.put(point, norm, "output")
        else:
            found.refuse(point, f"this family has no norm before {part}")


def _carries_stream(norm: nn.Module, block: Block, seen: Recording) -> bool:
    """Whether the norm's own output, not its input, is what the MLP's result is added to."""
    later = [n for n in block.norms if n is not norm and block.mlp_out is not None and n in seen.inputs]
    out, mlp_out = seen.outputs.get(norm), seen.outputs.get(block.mlp_out) if block.mlp_out is not None else None
    if out is None or mlp_out is None:
        return False
    return any(close(seen.inputs[n], out + mlp_out) for n in later)


Added = tuple[nn.Module, Callable[[Tensor], Tensor], Tensor]


def _added(block: Block, projection: nn.Module | None, seen: Recording, config: object) -> list[Added]:
    """Candidates for what a part adds to the stream: its post-norm's output, its projection's, or that times a multiplier."""
    if projection is None or projection not in seen.outputs:
        return []
    out = seen.outputs[projection]
    found: list[Added] = []
    for norm in block.norms:
        if same(seen.inputs.get(norm), out) and norm in seen.outputs:
            found.append((norm, _whole, seen.outputs[norm]))
    found.append((projection, _whole, out))
    multiplier = getattr(config, "residual_multiplier", None)
    if isinstance(multiplier, float) and multiplier != 1.0:
        found.append((projection, lambda t: t * multiplier, out * multiplier))
    return found


def _put_add(found: BlockSites, point: str, candidates: list[Added], before: Tensor, after: Tensor) -> None:
    for module, take, value in candidates:
        if close(before + value, after):
            found.put(point, module, "output", take)
            return
    found.refuse(point, NORMALISED if candidates else "its output projection was not found by inspection")


def _parallel_adds(found: BlockSites, attn: list[Added], mlp: list[Added], pre: Tensor, post: Tensor) -> None:
    for attn_module, attn_take, a in attn:
        for mlp_module, mlp_take, m in mlp:
            if close(pre + a + m, post):
                found.put("attn_add", attn_module, "output", attn_take)
                found.put("mlp_add", mlp_module, "output", mlp_take)
                return
    found.refuse("attn_add mlp_add", NORMALISED)


def _whole(tensor: Tensor) -> Tensor:
    return tensor


def _half(which: int) -> Callable[[Tensor], Tensor]:
    return lambda t: t.chunk(2, dim=-1)[which]


def _stride(which: int) -> Callable[[Tensor], Tensor]:
    return lambda t: t[..., which::2]


def _split_heads(count: int) -> Callable[[Tensor], Tensor]:
    return lambda t: t.unflatten(-1, (count, -1))


def _fused_layouts(heads: int, kv_heads: int, head_dim: int) -> list[dict[str, Callable[[Tensor], Tensor]]]:
    """The ways in which families lay queries, keys and values into one projection."""
    q_end, k_end = heads * head_dim, (heads + kv_heads) * head_dim
    v_end = k_end + kv_heads * head_dim
    group = heads // kv_heads

    def one_after_another(start: int, end: int, count: int) -> Callable[[Tensor], Tensor]:
        return lambda t: t[..., start:end].unflatten(-1, (count, head_dim))

    def by_group(part: slice, count: int) -> Callable[[Tensor], Tensor]:
        def take(t: Tensor) -> Tensor:
            groups = t.unflatten(-1, (kv_heads, group + 2, head_dim))[..., part, :]
            return torch.reshape(groups, (*groups.shape[:-3], count, head_dim))

        return take

    return [
        {
            "q": one_after_another(0, q_end, heads),
            "k": one_after_another(q_end, k_end, kv_heads),
            "v": one_after_another(k_end, v_end, kv_heads),
        },
        {
            "q": by_group(slice(0, group), heads),
            "k": by_group(slice(group, group + 1), kv_heads),
            "v": by_group(slice(group + 1, group + 2), kv_heads),
        },
    ]
