"""The blocks' outputs at a step's last token, whole, for who wants just these as the run goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.taps import read_taps
from neuronscope.core.address import Address
from neuronscope.core.events import Token
from neuronscope.models.loaded import LoadedModel


class StepRows(Protocol):
    """Who wants the blocks' outputs themselves, beside what the trace configuration keeps."""

    @property
    def wanted(self) -> bool:
        """Whether to hand over the next step's; read before each step."""
        ...

    def take(self, step: int, token: Token, values: dict[int, NDArray[np.float32]]) -> None:
        """``resid_post`` ``[d]`` of the step's last token, by layer, and that token. Must return at once."""
        ...


class BlockRows:
    """Reads ``resid_post`` of passes in which it is wanted; costs nothing in others."""

    def __init__(self, loaded: LoadedModel) -> None:
        layers = range(loaded.anatomy.layer_count)
        posts = [Address("resid_post", layer) for layer in layers]
        self._loaded = loaded
        self._addresses = [address for address in posts if address in loaded.anatomy.sites]
        self._rows: dict[int, Tensor] = {}
        self.values: dict[int, NDArray[np.float32]] = {}
        """By layer float32 ``[d]``, of the last pass that was read; empty where it was not."""

    @contextmanager
    def read(self, shape: Sequence[int], wanted: bool) -> Iterator[None]:
        """Around one pass, which is read or left alone; ``shape`` as in :func:`read_taps`."""
        self.values = {}
        if not wanted:
            yield
            return
        with read_taps(self._loaded, self._addresses, shape, self._take):
            yield
        if self._rows:
            # In one copy for all layers.
            together = torch.stack(list(self._rows.values())).cpu().numpy()
            self.values = dict(zip(self._rows, together, strict=True))
            self._rows.clear()

    def _take(self, address: Address, tensor: Tensor) -> None:
        if address.layer is not None:
            self._rows[address.layer] = tensor[0, -1].float().clone()
