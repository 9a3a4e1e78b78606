"""Rows of token ids run again: what an index did not keep, a model still knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from neuronscope.capture.forward import run_batch
from neuronscope.core.address import Address
from neuronscope.models.loaded import LoadedModel


def values_at(
    loaded: LoadedModel, rows: Sequence[Sequence[int]], addresses: Iterable[Address]
) -> dict[Address, Tensor]:
    """Values ``[row, position, unit]`` of one forward pass over rows of any lengths, padded on the right.

    Values beyond a row's end mean nothing.
    """
    longest = max(map(len, rows))
    # Padding repeats a token that is there: id 0 need not exist, and no token looks at it.
    ids = torch.tensor([[*row, *[row[-1]] * (longest - len(row))] for row in rows])
    mask = torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]
    return run_batch(loaded, ids, mask.long(), addresses)
