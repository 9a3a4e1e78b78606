"""A dense MLP's points in one block: its neurons, what they are made of and what comes out, proved by recomputing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuronscope.models.inspection.naming import ModuleNames
from neuronscope.models.inspection.probe import Recording, agrees, same
from neuronscope.models.inspection.sites import BlockSites, Take
from neuronscope.models.inspection.structure import (
    MLP_OUT_NAMES,
    Block,
    is_norm,
    linear_sizes,
    linears,
    ordered_by_name,
    part_of,
)

POINTS = "mlp_pre mlp_gate mlp_up mlp_act mlp_out mlp_add"
UNGATED = "its MLP has no gate; ask for mlp_pre"
GATED = "its MLP is gated; ask for mlp_gate and mlp_up"

Function = Callable[[Tensor], Tensor]
FUNCTIONS: tuple[Function, ...] = (
    functional.silu,
    functional.gelu,
    lambda t: functional.gelu(t, approximate="tanh"),
    functional.relu,
    lambda t: functional.relu(t).square(),
    torch.sigmoid,
    torch.tanh,
    lambda t: t,
)
"""Activations that families call as functions, without a module of their own; the last is a gate that is only multiplied."""


def find_mlp(found: BlockSites, block: Block, seen: Recording, width: int, names: ModuleNames) -> None:
    """Sites of the MLP's points but ``mlp_add``; sets the MLP's parts of ``block``.

    A projection is the MLP's output projection where what it takes is proved to be made by an activation from another
    projection's output, or where what it gives is what the MLP gives.
    """
    beside = [m for m in (block.attention, block.mixer) if m is not None]
    free = [(n, m) for n, m in linears(block.module, beside) if m in seen.outputs and seen.outputs[m].ndim == 3]
    named = names.inside(block.module, "mlp_out")
    outs = [named] if named is not None else ordered_by_name(free, MLP_OUT_NAMES)
    ins = [m for _, m in free]
    outs = [m for m in outs if m in ins and (linear_sizes(m) or (0, 0))[1] == width and m in seen.inputs]
    origins = {m: made for m in outs if (made := _origin(block, seen, m, [i for i in ins if i is not m], names))}
    proved = [m for m in origins if not _within_norm(block, m)] or list(origins)
    returned = [m for m in outs if _returned(block, m, seen)]
    if not proved and not returned:
        found.refuse(POINTS, _reason(block, outs, named is not None))
        return
    if len(proved) > 1:
        found.refuse(POINTS, f"this layer has {len(proved)} MLPs, so that none of these tensors has one value")
        return
    out = (proved or returned)[0]
    block.mlp_out = out
    if out in origins:
        _keep(found, block, origins[out])
    first = block.mlp_in or block.gate or block.gate_up
    part = part_of(block.module, out)
    holds_first = part is not None and (first is None or any(m is first for m in part.modules()))
    block.mlp = names.inside(block.module, "mlp") or (part if holds_first and part in seen.inputs else first)
    found.put("mlp_act", out, "input")
    found.put("mlp_out", out, "output")
    if not proved:
        found.refuse("mlp_pre mlp_gate mlp_up", "what its neurons are made of could not be proved by recomputing them")
    elif "mlp_pre" in found.places:
        found.refuse("mlp_gate mlp_up", UNGATED)
    else:
        found.refuse("mlp_pre", GATED)


def _reason(block: Block, outs: list[nn.Module], named: bool) -> str:
    if outs:
        return (
            "no projection of this layer could be proved to take neurons, made by an activation from another's output"
        )
    if named:
        return "it is no projection outside attention that gives the stream's width"
    parts = [m for m in (block.attention, block.mixer) if m is not None]
    inside = {m for part in parts for m in part.modules()}
    free = [m for m in block.module.modules() if m not in inside and not is_norm(m)]
    if len(parts) != 1 or any(True for m in free for _ in m.parameters(recurse=False)):
        return "no MLP was found in this layer"
    only = "attention" if block.attention is not None else type(block.mixer).__name__
    return f"this layer is {only} alone: it has no MLP"


def _within_norm(block: Block, module: nn.Module) -> bool:
    """Whether it belongs to a norm: some are gated by a small MLP of their own."""
    return any(is_norm(n) and any(m is module for m in n.modules()) for n in block.module.modules())


def _returned(block: Block, out: nn.Module, seen: Recording) -> bool:
    part = part_of(block.module, out)
    return part is not None and part is not out and same(seen.outputs.get(part), seen.outputs[out])


@dataclass(frozen=True)
class Origin:
    """What neurons were made of: one projection, a gate and an up projection, or one that holds both in two halves."""

    first: nn.Module
    up: nn.Module | None = None
    halves: tuple[Take, Take] | None = None
    activation: nn.Module | None = None


def _keep(found: BlockSites, block: Block, origin: Origin) -> None:
    block.activation = origin.activation
    if origin.halves is not None:
        block.gate_up = origin.first
        found.put("mlp_gate", origin.first, "output", origin.halves[0])
        found.put("mlp_up", origin.first, "output", origin.halves[1])
    elif origin.up is not None:
        block.gate, block.up = origin.first, origin.up
        found.put("mlp_gate", origin.first, "output")
        found.put("mlp_up", origin.up, "output")
    else:
        block.mlp_in = origin.first
        found.put("mlp_pre", origin.first, "output")


def _origin(block: Block, seen: Recording, out: nn.Module, ins: list[nn.Module], names: ModuleNames) -> Origin | None:
    neurons = seen.inputs[out]
    count = neurons.shape[-1]
    by_hand = {key: names.inside(block.module, key) for key in ("mlp_in", "gate", "up", "gate_up")}
    given = [m for m in by_hand.values() if m is not None]
    ins = [m for m in ins if not given or m in given]
    single = [m for m in ins if seen.outputs[m].shape == neurons.shape]
    double = [m for m in ins if seen.outputs[m].shape == (*neurons.shape[:-1], 2 * count)]
    wanted = _behind_norm(neurons, block, seen)
    for module in single:
        for activated, how in _activations(seen.outputs[module], block, seen, plain=False):
            if any(agrees(activated, w) for w in wanted):
                return Origin(module, activation=how)
    for gate in single:
        for activated, how in _activations(seen.outputs[gate], block, seen):
            for up in single:
                if up is not gate and any(_product(activated, seen.outputs[up], w) for w in wanted):
                    return Origin(gate, up, activation=how)
    for module in double:
        for gate_take, up_take in _halves():
            up_half = up_take(seen.outputs[module])
            for activated, how in _activations(gate_take(seen.outputs[module]), block, seen):
                if any(_product(activated, up_half, w) for w in wanted):
                    return Origin(module, halves=(gate_take, up_take), activation=how)
    return None


def _product(activated: Tensor, up: Tensor, neurons: Tensor) -> bool:
    return activated.shape == up.shape and agrees(activated * up, neurons)


def _behind_norm(neurons: Tensor, block: Block, seen: Recording) -> list[Tensor]:
    """The neurons, and what a norm or dropout took that gave them (BitNet normalises them before they are projected)."""
    before = [seen.inputs[m] for m in block.module.modules() if m in seen.inputs and same(seen.outputs.get(m), neurons)]
    return [neurons, *(t for t in before if t.shape == neurons.shape)]


def _activations(
    taken: Tensor, block: Block, seen: Recording, plain: bool = True
) -> Iterator[tuple[Tensor, nn.Module | None]]:
    """What activations make of a tensor: the block's own modules that took it, then functions."""
    for module in block.module.modules():
        if any(True for _ in module.children()) or linear_sizes(module) is not None or isinstance(module, nn.Dropout):
            continue
        if module in seen.outputs and same(seen.inputs.get(module), taken):
            yield seen.outputs[module], module
    for function in FUNCTIONS if plain else FUNCTIONS[:-1]:
        yield function(taken), None


def _halves() -> Iterator[tuple[Take, Take]]:
    first, second, even, odd = _half(0), _half(1), _stride(0), _stride(1)
    yield from ((first, second), (second, first), (even, odd), (odd, even))


def _half(which: int) -> Take:
    return lambda t: t.chunk(2, dim=-1)[which]


def _stride(which: int) -> Take:
    return lambda t: t[..., which::2]
