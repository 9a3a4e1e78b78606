"""One intervention on one tensor: which of its values change, into what, and how much that was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuronscope.core.intervention import Intervention


@dataclass
class Tally:
    """What an intervention did in one step, over all of its tensors; kept on the model's device until the step's end."""

    changed: Tensor | None = None
    """Whether each position of the step changed, ``[position]``."""
    units: Tensor | None = None
    square: Tensor | None = None

    def add(self, first: int, positions: Sequence[int] | slice, count: int, old: Tensor, new: Tensor) -> None:
        """Take in ``old`` and ``new`` ``[position, unit]``; ``first`` is how many of ``count`` positions come before."""
        differs = new != old
        if self.changed is None or self.units is None or self.square is None:
            self.changed = torch.zeros(count, dtype=torch.bool, device=old.device)
            self.units = torch.zeros((), dtype=torch.int64, device=old.device)
            self.square = torch.zeros((), dtype=torch.float32, device=old.device)
        self.changed[first:][positions] |= differs.any(dim=1)
        self.units += differs.any(dim=0).sum()
        self.square += (new.float() - old.float()).square().sum()

    def numbers(self) -> Tensor | None:
        """Positions and units that changed and the sum of squares, ``[3]`` float64; ``None`` where it did not fire."""
        if self.changed is None or self.units is None or self.square is None:
            return None
        return torch.stack((self.changed.sum().double(), self.units.double(), self.square.double()))


class Edit:
    """One intervention on the units of one address, with its values on the model's device in the model's dtype."""

    def __init__(
        self,
        one: Intervention,
        indices: Sequence[int],
        values: Sequence[float],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.intervention = one
        self._indices = torch.tensor(indices, device=device)
        # One value for all goes in as a number, as a hand-written edit has it, and not rounded to the dtype first.
        self._value: float | Tensor = (
            values[0] if len(set(values)) == 1 else torch.tensor(values, device=device).to(dtype)
        )

    def apply(self, values: Tensor, pos0: int, count: int, tally: Tally) -> None:
        """Change ``[1, position, unit]`` in place; its last row is position ``pos0 + count - 1`` of the text."""
        rows = values.shape[1]
        first = count - rows
        chosen = self._positions(pos0 + first, rows)
        if chosen is None:
            return
        there: Any = values[0, chosen] if isinstance(chosen, slice) else values[0].index_select(0, chosen)
        old = there.index_select(1, self._indices)
        new = self._changed(old)
        tally.add(first, chosen if isinstance(chosen, slice) else chosen.tolist(), count, old, new)
        if isinstance(chosen, slice):
            values[0, chosen].index_copy_(1, self._indices, new)
        else:
            values[0, chosen[:, None], self._indices] = new

    def _positions(self, first: int, rows: int) -> slice | Tensor | None:
        wanted = self.intervention.positions
        if wanted == "all":
            return slice(0, rows)
        if wanted == "last":
            return slice(rows - 1, rows)
        here = sorted({place - first for place in wanted if first <= place < first + rows})
        if not here:
            return None
        if here == list(range(here[0], here[-1] + 1)):
            return slice(here[0], here[-1] + 1)
        return torch.tensor(here, device=self._indices.device)

    def _changed(self, old: Tensor) -> Tensor:
        match self.intervention.op:
            case "scale":
                return old * self._value
            case "add":
                return old + self._value
            case _:
                new = torch.empty_like(old)
                if isinstance(self._value, Tensor):
                    return new.copy_(self._value.expand_as(old))
                return new.fill_(self._value)
