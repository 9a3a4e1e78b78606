"""The stream through one block: what attention and MLP add to it, where it stands between them, and the norms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from neuronscope.models.inspection.naming import ModuleNames
from neuronscope.models.inspection.probe import Recording, adds_up, agrees, same
from neuronscope.models.inspection.sites import BlockSites, Side, Take, whole
from neuronscope.models.inspection.structure import Block, is_norm, part_of

PARALLEL = "attention and MLP run in parallel in this family, so there is no stream between them"
AT_ONCE = "attention's and the MLP's results are added to the stream at once, and no module takes it in between"
NOT_A_SUM = (
    "the stream after this part is not the stream before plus what the part gives: it is scaled, or something else is "
    "added too"
)
NORMALISED = "this family normalises the sum, so no tensor is simply added to the stream"


@dataclass(frozen=True)
class Added:
    """A candidate for what a part adds: a module's output, or that times a constant of the family."""

    module: nn.Module
    take: Take
    value: Tensor


def find_stream(
    found: BlockSites, block: Block, core: nn.Module | None, seen: Recording, config: object, names: ModuleNames
) -> None:
    """Sites of ``resid_mid``, ``attn_add``, ``mlp_add``, ``ln1`` and ``ln2``, or why they are refused."""
    pre, post = seen.inputs[block.module], seen.outputs[block.module]
    inner = {m for part in (core, block.mixer) if part is not None for m in part.modules()}
    block.norms = [m for m in block.module.modules() if is_norm(m) and m not in inner and _on_stream(m, seen, pre)]
    factors = _factors(block.module, config)
    attention = _candidates(block, [block.attn_out, block.attention], seen, factors, pre)
    mixer = [] if block.attention is not None else _candidates(block, [_outer(block, block.mixer)], seen, factors, pre)
    mlp = _candidates(block, [block.mlp_out, block.mlp], seen, factors, pre)
    if not _sequential(found, block, seen, attention or mixer, mlp, pre, post):
        _otherwise(found, block, seen, attention or mixer, mlp, pre, post)
    _find_norms(found, block, seen, names)
    if block.attention is None:
        reason = found.refused.get("attn_out", "this layer has no attention")
        found.withdraw("attn_add", reason)


def _on_stream(norm: nn.Module, seen: Recording, pre: Tensor) -> bool:
    """Whether it normalises whole rows of the stream's width, not heads or latents."""
    return norm in seen.inputs and norm in seen.outputs and seen.outputs[norm].shape == pre.shape


def _outer(block: Block, module: nn.Module | None) -> nn.Module | None:
    return part_of(block.module, module) if module is not None else None


def _factors(block: nn.Module, config: object) -> list[float]:
    """Constants by which a family may multiply what it adds: numbers of its block and of its configuration."""
    values = [*vars(block).values(), *(getattr(config, n, None) for n in ("residual_multiplier", "scale_depth"))]
    values += [v for k, v in vars(config).items() if "multiplier" in k or "scal" in k]
    return list(dict.fromkeys(v for v in values if isinstance(v, float) and v not in (0.0, 1.0)))


def _candidates(
    block: Block, starts: Iterable[nn.Module | None], seen: Recording, factors: list[float], like: Tensor
) -> list[Added]:
    """What may be added: the outputs of the part, then of norms and the like that took these, then times a constant."""
    found: list[Added] = []
    for start in starts:
        if start is not None and start in seen.outputs and seen.outputs[start].shape == like.shape:
            found.append(Added(start, whole, seen.outputs[start]))
    known = {a.module for a in found}
    for added in found:
        for module in block.module.modules():
            if module not in known and module is not block.module and same(seen.inputs.get(module), added.value):
                given = seen.outputs.get(module)
                if given is not None and given.shape == like.shape and len(found) < 16:
                    known.add(module)
                    found.append(Added(module, whole, given))
    scaled = [Added(a.module, _times(f), a.value * f) for a in found for f in factors]
    return found + scaled


def _times(factor: float) -> Take:
    return lambda t: t * factor


def _places(block: Block, seen: Recording, like: Tensor) -> list[tuple[nn.Module, Side, Tensor]]:
    """Where the stream between the parts may show itself: inputs first, since norms and the MLP take it."""
    inner = [m for m in block.module.modules() if m is not block.module]
    front = [m for m in inner if is_norm(m) or m is block.mlp]
    ordered = front + [m for m in inner if m not in front]
    places: list[tuple[nn.Module, Side, Tensor]] = [
        (m, "input", t) for m in ordered if (t := seen.inputs.get(m)) is not None
    ]
    places += [(m, "output", t) for m in ordered if (t := seen.outputs.get(m)) is not None]
    return [p for p in places if p[2].shape == like.shape]


def _sequential(
    found: BlockSites, block: Block, seen: Recording, first: list[Added], mlp: list[Added], pre: Tensor, post: Tensor
) -> bool:
    """One part after the other, each adding to the stream: both sums come out."""
    for module, side, mid in _places(block, seen, pre):
        if same(mid, pre) or same(mid, post):
            continue
        a = next((c for c in first if adds_up(pre, c.value, mid)), None)
        m = next((c for c in mlp if adds_up(mid, c.value, post)), None)
        if a is not None and m is not None:
            found.put("resid_mid", module, side)
            found.put("attn_add", a.module, "output", a.take)
            found.put("mlp_add", m.module, "output", m.take)
            return True
    return False


def _otherwise(
    found: BlockSites, block: Block, seen: Recording, first: list[Added], mlp: list[Added], pre: Tensor, post: Tensor
) -> None:
    a, m = _parallel(first, mlp, pre, post)
    if a is not None and m is not None:
        # Parallel means that the MLP, or the norm before it, takes the block's own input.
        before_mlp = [
            block.mlp,
            *(n for n in block.norms if block.mlp and same(seen.outputs[n], seen.inputs.get(block.mlp))),
        ]
        found.parallel = any(same(seen.inputs.get(m), pre) for m in before_mlp if m is not None)
        found.refuse("resid_mid", PARALLEL if found.parallel else AT_ONCE)
        found.put("attn_add", a.module, "output", a.take)
        found.put("mlp_add", m.module, "output", m.take)
        return
    alone = next((c for c in first if adds_up(pre, c.value, post)), None)
    if alone is not None and not mlp:
        found.put("attn_add", alone.module, "output", alone.take)
        found.refuse("resid_mid", "this layer has one part only, so there is no stream between two")
        found.refuse("mlp_add", found.refused.get("mlp_out", "no MLP was found in this layer"))
        return
    alone = next((c for c in mlp if adds_up(pre, c.value, post)), None)
    if alone is not None and not first:
        found.put("mlp_add", alone.module, "output", alone.take)
        mixes = block.mixer is not None or any("attention" in type(m).__name__.lower() for m in block.module.modules())
        one = "this layer has one part only, so there is no stream between two"
        found.refuse(
            "resid_mid", "only the MLP adds to this stream; what goes before it adds to another" if mixes else one
        )
        return
    _half_proved(found, block, seen, first, mlp, pre, post)


def _parallel(first: list[Added], mlp: list[Added], pre: Tensor, post: Tensor) -> tuple[Added | None, Added | None]:
    for a in first:
        for m in mlp:
            scale = pre.abs() + a.value.abs() + m.value.abs()
            if agrees(pre + a.value + m.value, post, scale):
                return a, m
    return None, None


def _half_proved(
    found: BlockSites, block: Block, seen: Recording, first: list[Added], mlp: list[Added], pre: Tensor, post: Tensor
) -> None:
    """One of the two sums may still come out; what goes into neither is refused with what was seen instead."""
    norm = next(
        (n for n in block.module.modules() if _takes_sum(n, seen, first, pre) and _goes_on(n, seen, mlp, post)), None
    )
    if norm is not None:
        mid = seen.outputs[norm]
        if block.mlp is not None and same(mid, seen.inputs.get(block.mlp)):
            found.put("resid_mid", block.mlp, "input")
        found.refuse("attn_add mlp_add", NORMALISED)
    for module, side, mid in _places(block, seen, pre) if norm is None else ():
        if same(mid, pre) or same(mid, post):
            continue
        a = next((c for c in first if adds_up(pre, c.value, mid)), None)
        m = next((c for c in mlp if adds_up(mid, c.value, post)), None)
        if a is None and m is None:
            continue
        found.put("resid_mid", module, side)
        if a is not None:
            found.put("attn_add", a.module, "output", a.take)
        if m is not None:
            found.put("mlp_add", m.module, "output", m.take)
        break
    found.refuse("attn_add mlp_add", NOT_A_SUM)
    found.refuse("resid_mid", "no tensor of this layer was proved to be the stream between its parts")


def _takes_sum(norm: nn.Module, seen: Recording, added: list[Added], pre: Tensor) -> bool:
    return is_norm(norm) and norm in seen.inputs and any(adds_up(pre, a.value, seen.inputs[norm]) for a in added)


def _goes_on(norm: nn.Module, seen: Recording, mlp: list[Added], post: Tensor) -> bool:
    """Whether the norm's result itself goes on as the stream: it leaves the block, or the MLP's result is added to it."""
    out = seen.outputs[norm]
    sums = [post, *(t for n, t in seen.inputs.items() if n is not norm and is_norm(n) and t.shape == out.shape)]
    return same(out, post) or any(adds_up(out, m.value, s) for m in mlp for s in sums)


def _find_norms(found: BlockSites, block: Block, seen: Recording, names: ModuleNames) -> None:
    pre = seen.inputs[block.module]
    into_attention = [seen.inputs.get(m) for m in (block.attention, block.q, block.qkv) if m is not None]
    into_mlp = [seen.inputs.get(m) for m in (block.mlp, block.mlp_in, block.gate, block.gate_up) if m is not None]
    for point, taken, part in (("ln1", into_attention, "attention"), ("ln2", into_mlp, "the MLP")):
        named = names.inside(block.module, point)
        tried = block.norms if named is None else [named]
        norm = next((n for n in tried if any(same(seen.outputs.get(n), t) for t in taken)), None)
        if norm is not None and not _carries_stream(norm, block, seen):
            found.put(point, norm, "output")
        elif not taken:
            found.refuse(point, f"this layer has no {part.removeprefix('the ')}")
        elif norm is not None:
            found.refuse(point, f"the norm before {part} normalises the stream itself, so its result is the stream")
        elif any(same(t, pre) for t in taken) or _takes_mid(found, taken, seen):
            found.refuse(point, f"this family has no norm before {part}")
        else:
            found.refuse(point, f"no norm of this layer gives what {part} takes")


def _takes_mid(found: BlockSites, taken: list[Tensor | None], seen: Recording) -> bool:
    place = found.places.get("resid_mid")
    if place is None:
        return False
    mid = (seen.inputs if place.side == "input" else seen.outputs).get(place.module)
    return any(same(t, mid) for t in taken)


def _carries_stream(norm: nn.Module, block: Block, seen: Recording) -> bool:
    """Whether the norm's own output, not its input, is what the MLP's result is added to."""
    out = seen.outputs[norm]
    added = [seen.outputs[m] for m in (block.mlp_out, block.mlp) if m is not None and m in seen.outputs]
    later = [seen.inputs[n] for n in block.module.modules() if is_norm(n) and n is not norm and n in seen.inputs]
    sums = [*later, seen.outputs[block.module]]
    return any(adds_up(out, a, s) for a in added for s in sums if a.shape == out.shape == s.shape)
