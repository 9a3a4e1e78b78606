"""Where a projection keeps the heads: the layouts that families use, tried until one gives what reaches attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neuronscope.models.inspection.probe import Recording, agrees, same

Take = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Layout:
    """``groups`` equal chunks of a projection's outputs; in each, ``heads / groups`` heads of ``width`` from ``start`` on."""

    groups: int
    start: int
    heads: int
    width: int

    def __call__(self, tensor: Tensor) -> Tensor:
        """``[b, p, outputs]`` to ``[b, p, head, width]``."""
        if tensor.ndim == 4 and tensor.shape[1] == 1:
            tensor = tensor[:, 0]  # latent attention keeps an axis for the one head of its latents
        each = self.heads // self.groups * self.width
        chunks: Tensor = tensor.unflatten(-1, (self.groups, -1))
        part = chunks[..., self.start : self.start + each]
        return torch.reshape(part, (*part.shape[:-2], self.heads, self.width))


@dataclass(frozen=True)
class HeadNorms:
    """Of heads that lie side by side, each one's L2 norm."""

    heads: int

    def __call__(self, tensor: Tensor) -> Tensor:
        """``[b, p, head × width]`` to ``[b, p, head]``, summed in float32 and given in the tensor's own dtype."""
        parts: Tensor = tensor.unflatten(-1, (self.heads, -1))
        norms: Tensor = torch.linalg.vector_norm(parts, dim=-1, dtype=torch.float32)
        return norms.to(tensor.dtype)


def layouts(outputs: int, heads: int, width: int) -> Iterator[Layout]:
    """Every layout of that many heads in a projection of that many outputs, the plain ones first."""
    if outputs == heads * width:
        yield Layout(1, 0, heads, width)
        return
    for groups in range(1, heads + 1):
        if heads % groups or outputs % groups:
            continue
        chunk, each = outputs // groups, heads // groups * width
        starts = {*range(0, chunk - each + 1, width), chunk - each}
        for start in sorted(s for s in starts if 0 <= s <= chunk - each):
            yield Layout(groups, start, heads, width)


def distinct_heads(tensor: Tensor) -> Tensor:
    """``[b, g, k, e]`` of ``[b, h, k, e]``: keys or values once each, where a family repeats them for its query heads."""
    heads = tensor.shape[1]
    for group in range(heads, 1, -1):
        if heads % group == 0:
            parts: Tensor = tensor.unflatten(1, (heads // group, group))
            if torch.equal(parts, parts[:, :, :1].expand_as(parts)):
                return parts[:, :, 0]
    return tensor


def projected_as(given: Tensor, target: Tensor, inside: nn.Module, seen: Recording, exact: bool) -> Layout | None:
    """The layout in which ``given [b, p, outputs]`` holds ``target [b, h, p, e]``, before norms and rotary embedding.

    ``exact`` asks for the same numbers at every position, as values have them. Otherwise the first position decides:
    there a rotary embedding turns by nothing, so each head has the same numbers, in some order and up to one factor.
    A norm in between is followed through the module that computes it.
    """
    heads, width = target.shape[1], target.shape[3]
    alike = _equal if exact else _alike_at_first_position
    norms = [m for m in inside.modules() if m in seen.inputs and m in seen.outputs and not any(m.children())]
    for layout in layouts(given.shape[-1], heads, width):
        part = layout(given).transpose(1, 2)
        if alike(part, target):
            return layout
        for norm in norms:
            before, after = (_by_head(t, target) for t in (seen.inputs[norm], seen.outputs[norm]))
            if before is not None and after is not None and alike(part, before) and alike(after, target):
                return layout
    return None


def _by_head(tensor: Tensor, like: Tensor) -> Tensor | None:
    """A norm's tensor as ``[b, h, p, e]``, whichever of the usual shapes it has."""
    batch, heads, positions, width = like.shape
    if tensor.numel() != like.numel():
        return None
    if tensor.shape == like.shape and heads != positions:
        return tensor
    if tensor.shape in ((batch, positions, heads * width), (batch, positions, heads, width)):
        return tensor.reshape(batch, positions, heads, width).transpose(1, 2)
    return tensor if tensor.shape == like.shape else None


def _equal(part: Tensor, target: Tensor) -> bool:
    return same(part, target) or (part.shape == target.shape and part.dtype != target.dtype and agrees(part, target))


def _alike_at_first_position(part: Tensor, target: Tensor) -> bool:
    if part.shape != target.shape:
        return False
    a, b = (t[:, :, 0].float().sort(dim=-1).values for t in (part, target))
    size = a.square().sum(-1, keepdim=True)
    factor = (a * b).sum(-1, keepdim=True) / size.clamp_min(1e-30)
    eps = max(torch.finfo(part.dtype).eps, torch.finfo(target.dtype).eps)
    bound = 16 * eps * b.abs().amax(-1, keepdim=True)
    return bool((factor > 0).all() and (size > 0).all() and ((a * factor - b).abs() <= bound).all())
