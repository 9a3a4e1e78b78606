"""Points of a mixture of experts: the router's probabilities and what the whole block of experts gives."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from neuronscope.models.inspection.probe import PROBE_BATCH, PROBE_LENGTH, Recording
from neuronscope.models.inspection.sites import BlockSites, Take, whole
from neuronscope.models.inspection.structure import Block, part_of
from neuronscope.models.inspection.watching import Event

INSIDE = "mlp_pre mlp_gate mlp_up mlp_act"
EXPERTS = "this block is a mixture of experts, and transformers keeps experts as fused 3-D parameters without a module between"
TOKENS = PROBE_BATCH * PROBE_LENGTH


def experts_of(block: Block, seen: Recording) -> nn.Module | None:
    """The module that holds the experts, where one ran in this block outside its attention."""
    attention = set(block.attention.modules()) if block.attention is not None else set()
    for module in block.module.modules():
        if module in attention or module is block.module or not _holds_experts(module):
            continue
        if seen.calls[module] or any(seen.calls[m] for m in module.modules()):
            return module
    return None


def _holds_experts(module: nn.Module) -> bool:
    if isinstance(module, nn.ModuleList):
        return False
    own = any(True for _ in module.parameters(recurse=False)) or any(True for _ in module.children())
    listed = any(name == "experts" and isinstance(child, nn.ModuleList) for name, child in module.named_children())
    return listed or (own and type(module).__name__.lower().endswith("experts"))


def find_experts(found: BlockSites, block: Block, experts: nn.Module, seen: Recording) -> None:
    """Sites of ``router`` and ``mlp_out`` (what the block of experts gives), and why the points inside are refused."""
    block.experts = True
    block.mlp = part_of(block.module, experts)
    found.refuse(INSIDE, EXPERTS)
    if block.mlp is not None and block.mlp in seen.outputs:
        found.put("mlp_out", block.mlp, "output")
    else:
        found.refuse("mlp_out mlp_add", "no module of this block gives what its experts give together")
    _router(found, block, seen)


def _router(found: BlockSites, block: Block, seen: Recording) -> None:
    attention = set(block.attention.modules()) if block.attention is not None else set()
    inside = {m for m in block.module.modules() if m not in attention}
    events = [e for e in seen.events if e.module in inside]
    chosen = [e for e in events if e.kind == "topk" and e.tensors[0].numel() % TOKENS == 0]
    if not chosen:
        found.refuse("router", "no choice of the strongest experts could be watched in this block")
        return
    choice = max(chosen, key=lambda e: e.tensors[0].shape[-1])
    width = choice.tensors[0].shape[-1]
    made = [
        e
        for e in events[: events.index(choice)]
        if e.kind in ("softmax", "sigmoid") and e.result.shape[-1] == width and e.result.numel() == TOKENS * width
    ]
    if not made:
        found.refuse(
            "router",
            "its router chooses experts by raw scores and makes probabilities of the chosen ones only",
        )
        return
    probabilities = made[-1].result.reshape(TOKENS, width)
    for module in inside:
        for item, given in enumerate(_all_items(module, seen)):
            if given is None or given.shape[-1] != width or given.numel() != TOKENS * width:
                continue
            for take in _ways(made[-1]):
                if _equal(take(given).reshape(TOKENS, width), probabilities):
                    found.put("router", module, "output", take, item)
                    block.expert_count = width
                    return
    found.refuse("router", "its router's probabilities are not what any of its modules gives")


def _all_items(module: nn.Module, seen: Recording) -> tuple[Tensor | None, ...]:
    if module in seen.items:
        return seen.items[module]
    return (seen.outputs.get(module),)


def _ways(event: Event) -> Iterator[Take]:
    """The tensor as it is, or through the softmax or sigmoid that was seen, in the dtype that it had."""
    yield whole
    dtype = event.result.dtype
    if event.kind == "softmax":
        yield lambda t: torch.softmax(t, dim=-1, dtype=dtype)
        yield lambda t: torch.softmax(t.to(dtype), dim=-1)
    else:
        yield lambda t: torch.sigmoid(t.to(dtype))
        yield lambda t: torch.sigmoid(t).to(dtype)


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)
