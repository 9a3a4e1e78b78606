"""The blocks' outputs at a step's last token, whole, for who wants just these as the run goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.taps import read_taps
from neuronscope.core.address import Address
from neuronscope.models.loaded import LoadedModel


class BlockRows:
    """Reads ``resid_post`` in the passes between ``begin(True)`` and :meth:`end`; costs a call a layer in all others."""

    def __init__(self, loaded: LoadedModel) -> None:
        layers = range(loaded.anatomy.layer_count)
        posts = [Address("resid_post", layer) for layer in layers]
        self._loaded = loaded
        self._addresses = [address for address in posts if address in loaded.anatomy.sites]
        self._rows: dict[int, Tensor] = {}
        self._on = False
        self.values: dict[int, NDArray[np.float32]] = {}
        """By layer float32 ``[d]``, of the last pass that was read; empty where it was not."""

    @contextmanager
    def tapped(self, shape: Sequence[int]) -> Iterator[None]:
        """Within it the taps are set; ``shape`` as in :func:`read_taps`."""
        with read_taps(self._loaded, self._addresses, shape, self._take):
            yield

    def begin(self, wanted: bool) -> None:
        """Read the next pass, or leave it alone."""
        self._on = wanted
        self._rows.clear()
        self.values = {}

    def end(self) -> None:
        """The pass is over: what was read crosses to the CPU in one copy."""
        self._on = False
        if self._rows:
            together = torch.stack(list(self._rows.values())).cpu().numpy()
            self.values = dict(zip(self._rows, together, strict=True))
            self._rows.clear()

    def _take(self, address: Address, tensor: Tensor) -> None:
        if self._on and address.layer is not None:
            self._rows[address.layer] = tensor[0, -1].float().clone()
