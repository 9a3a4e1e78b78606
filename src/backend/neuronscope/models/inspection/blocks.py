"""The hook points of one block: its parts found, each tensor proved, and its shape checked before it is served."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from neuronscope.core.points import POINTS
from neuronscope.models.inspection.attention_points import Call, find_attention, locate, refuse_without_attention
from neuronscope.models.inspection.expert_points import experts_of, find_experts
from neuronscope.models.inspection.mlp_points import find_mlp
from neuronscope.models.inspection.naming import ModuleNames
from neuronscope.models.inspection.probe import PROBE_BATCH, PROBE_LENGTH, Recording
from neuronscope.models.inspection.sites import BlockSites, Place
from neuronscope.models.inspection.stream import find_stream
from neuronscope.models.inspection.structure import Block, is_norm, linear_sizes


@dataclass(frozen=True)
class Setting:
    """What the blocks of one model have in common."""

    config: object
    width: int
    calls: dict[nn.Module, Call]
    names: ModuleNames
    step: Recording | None = None
    """One token run over a cache of those before it, where the model can be run like that."""


def inspect_block(
    module: nn.Module, seen: Recording, setting: Setting, earlier: list[Call | None]
) -> tuple[Block, BlockSites]:
    """Parts, sites and refusals of one block; ``earlier`` has the attention call of each layer before, and grows by its own."""
    block, found = Block(module), BlockSites()
    found.put("resid_pre", module, "input")
    found.put("resid_post", module, "output")
    located = locate(block, setting.calls, seen, setting.names)
    if located is not None:
        find_attention(found, block, *located, seen, earlier, setting.names)
    earlier.append(located[1] if located is not None else None)
    experts = experts_of(block, seen)
    if experts is not None:
        find_experts(found, block, experts, seen)
    else:
        find_mlp(found, block, seen, setting.width, setting.names)
        found.refuse("router", "this block is not a mixture of experts")
    if located is None:
        if block.mixer is None:
            block.mixer = _other_mixer(block, seen)
        refuse_without_attention(found, block, setting.calls, seen)
    if seen.inputs[module].ndim == 3:
        find_stream(found, block, located[0] if located is not None else None, seen, setting.config, setting.names)
    else:
        shape = list(seen.inputs[module].shape[:-1])
        copies = shape[0] if shape[1:3] == [PROBE_BATCH, PROBE_LENGTH] else shape[2]
        found.refuse(
            "ln1 ln2 resid_mid attn_add mlp_add", f"the stream runs as {copies} copies side by side in this family"
        )
        for point in ("resid_pre", "resid_post"):
            found.withdraw(point, f"the stream runs as {copies} copies side by side in this family")
    if experts is not None and "mlp_add" not in found.places and "mlp_out" in found.places:
        found.withdraw("mlp_out", found.refused.get("mlp_add", "what the experts give could not be proved"))
    _check(found, seen, setting)
    _blame_names(found, block, setting.names)
    return block, found


def _blame_names(found: BlockSites, block: Block, names: ModuleNames) -> None:
    """Say of a point that it was the module named by hand for it that could not be proved to give it."""
    for key, points in names.points().items():
        if names.inside(block.module, key) is not None:
            for point in points:
                if point in found.refused:
                    reason = found.refused[point]
                    found.withdraw(
                        point, f"{getattr(names, key)!r}, named by hand, was not proved to give it: {reason}"
                    )


def _other_mixer(block: Block, seen: Recording) -> nn.Module | None:
    """A part of a layer without attention that is neither norm nor MLP: what it is called, the family knows."""
    for part in block.module.children():
        given = seen.outputs.get(part)
        if given is None or is_norm(part) or linear_sizes(part) is not None or not any(True for _ in part.children()):
            continue
        holds_mlp = any(m in (block.mlp, block.mlp_out) for m in part.modules())
        if not holds_mlp and given.shape == seen.outputs[block.module].shape:
            return part
    return None


def _check(found: BlockSites, seen: Recording, setting: Setting) -> None:
    """Withdraw what has another shape than its point promises, in a pass over a text or over one more token, or is made
    by a module that ran more than once."""
    for point, place in list(found.places.items()):
        often = seen.calls[place.module]
        if often > 1:
            found.withdraw(point, f"the module that makes it runs {often} times in one pass, so it has no one value")
            continue
        if place.side == "attention":
            continue
        shape = _shape(place, seen)
        axes = POINTS[point].axes
        fits = shape[:2] == (PROBE_BATCH, PROBE_LENGTH) and len(shape) == len(axes) + 1
        if not fits or (axes[-1] == "d" and shape[-1] != setting.width):
            found.withdraw(point, f"its tensor has the shape {list(shape[1:])} here, not one row a position")
        elif setting.step is not None and _shape(place, setting.step) != (PROBE_BATCH, 1, *shape[2:]):
            found.withdraw(
                point,
                "in generation its module works through all positions in the cache again, and has no row of its own for "
                "the new one",
            )


def _shape(place: Place, seen: Recording) -> tuple[int, ...]:
    tensor = _read(place, seen)
    try:
        return tuple(place.take(tensor).shape) if tensor is not None else ()
    except RuntimeError:  # a layout that does not divide this tensor
        return ()


def _read(place: Place, seen: Recording) -> Tensor | None:
    if place.side == "input":
        return seen.inputs.get(place.module)
    if place.module in seen.items:
        items = seen.items[place.module]
        return items[place.item] if place.item < len(items) else None
    return seen.outputs.get(place.module)
