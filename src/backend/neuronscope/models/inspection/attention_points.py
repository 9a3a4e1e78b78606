"""Attention's points in one block: its projections, its rows and its output, each proved by what reaches the kernel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuronscope.models.attention import AttentionCall
from neuronscope.models.inspection.kinds import mixer_word
from neuronscope.models.inspection.layouts import HeadNorms, distinct_heads, projected_as
from neuronscope.models.inspection.naming import ModuleNames
from neuronscope.models.inspection.probe import PROBE_BATCH, PROBE_LENGTH, Recording, agrees, same
from neuronscope.models.inspection.sites import BlockSites, Place, whole
from neuronscope.models.inspection.structure import ATTN_OUT_NAMES, QKV_NAMES, Block, linears, ordered_by_name
from neuronscope.models.inspection.watching import AppliedWeights

Call = AttentionCall | AppliedWeights
POINTS = "q k v attn_weights head_norm attn_out attn_add ln1"


def locate(
    block: Block, calls: dict[nn.Module, Call], seen: Recording, names: ModuleNames
) -> tuple[nn.Module, Call] | None:
    """The module of the block in which attention was seen, with its call; sets ``block.attention``, or its mixer.

    A layer in which several modules attend over the tokens has no one attention, and gets none.
    """
    inside = [m for m in block.module.modules() if m in calls and _over_tokens(calls[m])]
    named = names.inside(block.module, "attention")
    if named is not None:
        inside = [m for m in inside if any(m is part for part in named.modules())]
    held = {m for core in inside for m in core.modules()}
    free = (m for m in block.module.modules() if m not in held and m is not block.module and seen.calls[m])
    block.mixer = next((m for m in free if mixer_word(m) is not None and not held & set(m.modules())), None)
    if len(inside) != 1:
        return None
    core = inside[0]
    block.attention = named if named is not None else _with_output(block, core, calls[core], seen)
    return core, calls[core]


def _with_output(block: Block, core: nn.Module, call: Call, seen: Recording) -> nn.Module:
    """The smallest module that holds both what attends and the projection of what it gives (BERT keeps them apart)."""
    mixed = _mixed(call)
    around = [m for m in block.module.modules() if m is not block.module and any(c is core for c in m.modules())]
    for module in reversed(around):
        taken = [seen.inputs.get(m) for _, m in linears(module)]
        if mixed is not None and any(t is not None and t.shape == mixed.shape and _near(t, mixed) for t in taken):
            return module
    return core


def _over_tokens(call: Call) -> bool:
    rows = call.weights()
    return rows.ndim == 4 and rows.shape[0] == PROBE_BATCH and tuple(rows.shape[-2:]) == (PROBE_LENGTH, PROBE_LENGTH)


def refuse_without_attention(found: BlockSites, block: Block, calls: dict[nn.Module, Call], seen: Recording) -> None:
    """Why a block in which no one attention was seen has none of its points."""
    several = [m for m in block.module.modules() if m in calls and _over_tokens(calls[m])]
    if len(several) > 1:
        found.refuse(POINTS, f"this layer attends {len(several)} times, so that none of these tensors has one value")
        return
    named = [m for m in block.module.modules() if "attention" in type(m).__name__.lower() and m in seen.outputs]
    if named and (block.mixer is None or mixer_word(block.mixer) is None):
        found.refuse(
            POINTS,
            f"{type(named[0]).__name__} computes no softmax attention over single positions that could be watched",
        )
        return
    if block.mixer is not None:
        kind, word = type(block.mixer).__name__, mixer_word(block.mixer)
        what = f"{kind} ({word})" if word is not None else kind
        found.refuse(POINTS, f"{what} stands in attention's place in this layer")
        return
    found.refuse(POINTS, "this layer has no attention")


def find_attention(
    found: BlockSites,
    block: Block,
    core: nn.Module,
    call: Call,
    seen: Recording,
    earlier: list[Call | None],
    names: ModuleNames,
) -> None:
    """Sites of ``q``, ``k``, ``v``, ``attn_weights``, ``head_norm`` and ``attn_out``, or why they are refused."""
    assert block.attention is not None
    found.places["attn_weights"] = Place(core, "attention", whole, own=core not in seen.attention)
    _projections(found, block, call, seen, names)
    for name, tensor in (("k", "key"), ("v", "value")):
        shared = _shared_with(getattr(call, tensor), [getattr(c, tensor, None) for c in earlier])
        if name in found.refused and shared is not None:
            found.withdraw(
                name, f"this layer attends over the {tensor}s of layer {shared} and projects none of its own"
            )
    _output(found, block, core, call, seen, names)


def _projections(found: BlockSites, block: Block, call: Call, seen: Recording, names: ModuleNames) -> None:
    assert block.attention is not None
    # Some families keep the projections beside the module that attends, so the whole part of the block is searched.
    for name, target in (("q", call.query), ("k", call.key), ("v", call.value)):
        if target is None or target.ndim != 4:
            found.refuse(name, "what reaches its attention could not be watched, so no projection could be proved")
            continue
        wanted = target if name == "q" else distinct_heads(target)
        by_hand = [m for key in (name, "qkv") if (m := names.inside(block.module, key)) is not None]
        tried = by_hand or ordered_by_name(linears(block.attention), QKV_NAMES[name])
        for module in tried:
            given = seen.outputs.get(module)
            if given is not None and given.ndim == 4 and given.shape[1] == 1:
                given = given[:, 0]
            if given is None or given.ndim != 3 or given.shape[-1] < wanted.shape[1] * wanted.shape[3]:
                continue
            layout = projected_as(given, wanted, block.attention, seen, exact=name == "v")
            if layout is not None:
                found.put(name, module, "output", layout)
                if given.shape[-1] == wanted.shape[1] * wanted.shape[3]:
                    setattr(block, name, module)
                else:
                    block.qkv = module
                break
        else:
            found.refuse(name, _unproved(name, block, call, seen))


def _unproved(name: str, block: Block, call: Call, seen: Recording) -> str:
    what = {"q": "queries", "k": "keys", "v": "values"}[name]
    assert block.attention is not None
    latent = [n for n, m in linears(block.attention) if "kv_a" in n or "kv_b" in n]
    if name == "k" and latent:
        return (
            "a head's key is put together from two projections here, a part of its own and a rotary part that all "
            "heads share, so no one projection gives it"
        )
    return f"no projection in its attention gives the {what} that reach the kernel; something else acts in between"


def _shared_with(tensor: Tensor | None, earlier: list[Tensor | None]) -> int | None:
    return next((layer for layer, other in enumerate(earlier) if tensor is not None and same(tensor, other)), None)


def _output(found: BlockSites, block: Block, core: nn.Module, call: Call, seen: Recording, names: ModuleNames) -> None:
    assert block.attention is not None
    named = names.inside(block.module, "attn_out")
    tried = [named] if named is not None else ordered_by_name(linears(block.attention), ATTN_OUT_NAMES)
    mixed = _mixed(call)
    for module in tried:
        given, taken = seen.outputs.get(module), seen.inputs.get(module)
        if given is None or taken is None:
            continue
        ends = same(given, seen.outputs.get(block.attention)) or same(given, seen.outputs.get(core))
        by_head = mixed is not None and taken.shape == mixed.shape and _near(taken, mixed)
        if ends or by_head:
            block.attn_out = module
            found.put("attn_out", module, "output")
            if by_head:
                block.heads = call.weights().shape[1]
                found.put("head_norm", module, "input", HeadNorms(block.heads))
            elif mixed is None:
                found.refuse("head_norm", "what reaches its attention could not be watched, so no head's part is known")
            else:
                found.refuse(
                    "head_norm",
                    "its output projection does not take rows times values head by head; something else acts in between",
                )
            return
    found.refuse(
        "attn_out head_norm", "no projection takes what its attention gives, or gives what its attention returns"
    )


def _mixed(call: Call) -> Tensor | None:
    """Rows times values ``[b, p, h e]``: what an output projection takes."""
    if call.value is None:
        return None
    rows, value = call.weights(), call.value.float()
    if rows.shape[-1] != value.shape[2] or rows.shape[1] % value.shape[1]:
        return None
    value = value.repeat_interleave(rows.shape[1] // value.shape[1], dim=1)
    return torch.matmul(rows, value).transpose(1, 2).flatten(2)


def _near(taken: Tensor, mixed: Tensor) -> bool:
    # The kernel adds in another order than this product: roundings are those of a sum over the positions.
    scale = mixed.abs().amax(-1, keepdim=True).expand_as(mixed)
    return agrees(taken, mixed.to(taken.dtype), 16 * scale)
