"""How the loss of a text changes when single units are ablated: the model's part of a calibration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.forward import run_batch
from neuronscope.capture.writing import on_input, on_output, writable_site
from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest, UnsupportedModel
from neuronscope.models.inspection.probe import with_batch
from neuronscope.models.loaded import LoadedModel

BYTES = 256 << 20
"""Bytes that the logits of a pass may take."""
POSITIONS = 4096
"""Positions of a pass, all rows together."""


def check_calibrated(loaded: LoadedModel, address: Address) -> None:
    """Whether the units of a point can be ablated here. Raises what :func:`writable_site` raises, and :class:`BadRequest`
    for the stream after attention, whose units are those of the stream before and behind it."""
    if address.point == "resid_mid":
        raise BadRequest(f"{address} is not calibrated.", "Its units are the stream's: take resid_pre or resid_post.")
    writable_site(loaded, address)


def largest_sizes(
    loaded: LoadedModel, ids: Sequence[int], addresses: Iterable[Address]
) -> dict[Address, NDArray[np.float32]]:
    """Each unit's largest |x| over a window's tokens, ``[unit]``. Special tokens count: what is critical often sits there."""
    grid = torch.tensor([ids])
    tensors = run_batch(loaded, grid, torch.ones_like(grid), addresses)
    # A value that is no number is taken for the largest: that unit is worth a look.
    return {a: t[0].abs().amax(dim=0).float().nan_to_num(nan=np.inf).cpu().numpy() for a, t in tensors.items()}


def counted(loaded: LoadedModel, ids: Sequence[int]) -> NDArray[np.int64]:
    """Positions of a window whose losses count: all that have a token before them, and are not special."""
    return np.array([n for n in range(1, len(ids)) if ids[n] not in loaded.special_ids], np.int64)


def rows_at_once(loaded: LoadedModel, positions: int) -> int:
    """How many rows of a window go through the model together, within :data:`BYTES` and :data:`POSITIONS`."""
    logits = positions * loaded.anatomy.vocabulary * loaded.model.dtype.itemsize
    return max(1, min(BYTES // logits, POSITIONS // positions))


@torch.no_grad()
def window_losses(
    loaded: LoadedModel, ids: Sequence[int], address: Address | None = None, units: Sequence[int] = ()
) -> NDArray[np.float64]:
    """Summed loss, in nats, of a window's counted tokens: ``[unit]``, for each unit with it alone set to 0 at all positions.

    Without an address ``[1]``, with nothing changed. All units go through the model at once, a row each; the caller keeps
    to :func:`rows_at_once`.
    """
    at = torch.from_numpy(counted(loaded, ids))
    grid = torch.tensor([ids] * max(1, len(units)), device=loaded.device)
    with loaded.lock, _ablated(loaded, address, units, grid.shape):
        output = loaded.model(input_ids=grid, attention_mask=torch.ones_like(grid), use_cache=False)
    logits: Tensor = output.logits
    targets, before = grid[0, at.to(grid.device)].to(logits.device), (at - 1).to(logits.device)
    # A row at a time, so that a large vocabulary is held in float32 only once.
    losses = [
        torch.nn.functional.cross_entropy(row[before].float(), targets, reduction="none").double().sum()
        for row in logits
    ]
    found: NDArray[np.float64] = torch.stack(losses).cpu().numpy()
    return found


@contextmanager
def _ablated(
    loaded: LoadedModel, address: Address | None, units: Sequence[int], shape: Sequence[int]
) -> Iterator[None]:
    """Within it, row ``r`` of a pass runs with ``units[r]`` of the address at 0."""
    if address is None:
        yield
        return
    site = writable_site(loaded, address)
    rows, chosen = torch.arange(len(units)), torch.tensor(units)
    wrote = False

    def zero(hidden: Tensor) -> Tensor:
        nonlocal wrote
        copy = hidden.clone()
        values = site.take(with_batch(copy, shape[0], shape[1]))
        values[rows.to(copy.device), :, chosen.to(copy.device)] = 0
        wrote = True
        return copy

    if site.side == "input":
        handle = site.module.register_forward_pre_hook(on_input(zero), with_kwargs=True, prepend=True)
    else:
        handle = site.module.register_forward_hook(on_output(zero, site.item), prepend=True)
    try:
        yield
    finally:
        handle.remove()
    if not wrote:
        raise UnsupportedModel(f"{address} was not computed in this pass, so nothing of it can be ablated.")
