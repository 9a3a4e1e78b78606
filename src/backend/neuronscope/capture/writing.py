"""Writing into a pass: where a point can be written, and hooks that put an edited copy in place of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest, PointUnavailable
from neuronscope.models.anatomy import Site
from neuronscope.models.inspection.probe import hidden_of, output_of
from neuronscope.models.loaded import LoadedModel

Editor = Callable[[Tensor], Tensor | None]
"""What a module took or gave, to what the model goes on with: a changed copy, or ``None`` to leave it."""


def writable_site(loaded: LoadedModel, address: Address) -> Site:
    """Where a point's units can be changed: ``site.take`` of a module's tensor is then a view of it.

    Raises what :meth:`Anatomy.width` raises, :class:`BadRequest` for attention rows, and :class:`PointUnavailable` for a
    point that is computed from what a module gives, and so can't be written back into it.
    """
    site, width = loaded.anatomy.site(address), loaded.anatomy.width(address)
    if site.side == "attention":
        raise BadRequest(f"{address} can't be changed unit by unit.")
    for size in (width, 2 * width):
        tensor = torch.zeros(1, 2, size)
        try:
            taken = site.take(tensor)
        except (RuntimeError, IndexError, ValueError):
            continue
        shared = taken.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
        if shared and tuple(taken.shape) == (1, 2, width):
            return site
    raise PointUnavailable(
        f"{address} can't be changed in this model: it is computed from what a module gives, not given by one.",
        "Change the point before it: attn_out for attn_add and resid_mid, mlp_out for mlp_add.",
    )


def on_input(edit: Editor) -> Callable[..., Any]:
    """A forward pre-hook, with keyword arguments, that edits the hidden states which a module takes."""

    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        hidden = hidden_of(args, kwargs)
        edited = None if hidden is None else edit(hidden)
        if edited is None:
            return None
        return (
            tuple(edited if value is hidden else value for value in args),
            {name: edited if value is hidden else value for name, value in kwargs.items()},
        )

    return hook


def on_output(edit: Editor, item: int) -> Callable[..., Any]:
    """A forward hook that edits what a module gives; of a tuple, the part ``item``."""

    def hook(_module: nn.Module, _args: object, output: Any) -> Any:
        if hasattr(output, "logits"):
            edited = edit(output.logits)
            if edited is not None:
                output.logits = edited
            return output
        hidden = output_of(output, item)
        assert hidden is not None
        edited = edit(hidden)
        if edited is None or isinstance(output, Tensor):
            return edited
        return type(output)(edited if n == item else value for n, value in enumerate(output))

    return hook
