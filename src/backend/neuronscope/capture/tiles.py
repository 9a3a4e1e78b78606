"""Tiles: at each point the last position as an image, from its units in order or through a fixed projection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.fused import halve
from neuronscope.capture.projections import SEED, drawn_signs, principal
from neuronscope.capture.values import Lookup, Reference
from neuronscope.core.address import Address
from neuronscope.core.errors import BadAddress, BadRequest, NotFound
from neuronscope.core.trace_config import Resolved, TraceConfig
from neuronscope.models.loaded import LoadedModel
from neuronscope.traces.payloads import encode_many

MOST_BYTES = 1 << 29
"""Of all projections of a run in float32: they stay on the model's device as long as it lasts."""


class _Source(Protocol):
    """How cells come from units; ``tells`` is what a payload says of it, beside its name."""

    def tells(self, address: Address) -> dict[str, Any]: ...

    def filled(self, address: Address) -> int:
        """Cells that hold a value; those behind them are empty."""
        ...

    def cells(self, rows: Tensor, addresses: Sequence[Address]) -> Tensor:
        """``[row, cell]`` of ``[row, unit]``, one row for each address; at least the filled cells of each."""
        ...


class Tiles:
    """Makes tiles of a run's rows on their device, and payloads of the tiles once they are on the CPU.

    A payload holds ``source``, ``height``, ``width``, the one of ``positions`` that it shows, and the first ``filled``
    cells as ``values``, row by row:

    - ``order``: each cell is the mean of ``run`` consecutive units, 1 where there are no more units than cells; the
      last one of those that are left.
    - ``random``: each cell is the sum over all units of value * sign / √cells, as :func:`drawn_signs` has them for ``seed``.
    - ``pca``: each cell is one of the principal components, by falling variance, of what index ``reference`` sampled at
      this address; the value is that of the activations less the sample's mean, along it.

    Raises :class:`BadRequest` for a point without units, projections that would take too much memory, and a sample with too
    few tokens; what looking up the reference raises; :class:`BadAddress` for a point asked for by name that it does not
    hold. Of the default map such points stay ``without`` tiles, unless all would.
    """

    def __init__(self, loaded: LoadedModel, addresses: Sequence[Address], resolved: Resolved, lookup: Lookup) -> None:
        self._config, (self._height, self._width) = resolved.config, resolved.tile_size
        cells = self._height * self._width
        for address in addresses:
            if not address.row.has_units:
                raise BadRequest(
                    f"{address.point} has axes {' × '.join(address.row.axes)}: there are no units to make a tile of.",
                    "Ask for points with units, such as mlp_act or resid_post, or for another capture_mode.",
                )
        self.without: dict[str, str] = {}
        """Addresses that are watched and get no tile, with the reasons."""
        self._source: _Source
        if self._config.tile == "order":
            self._source = _Order(loaded, cells)
        elif self._config.tile == "random":
            self._source = _Random(loaded, addresses, cells)
        else:
            components = _components(loaded, addresses, cells, self._config, lookup)
            self._source, self.without = components, components.without
        self._held = {a: n for n, a in enumerate(addresses) if str(a) not in self.without}

    def holds(self, address: Address) -> bool:
        """Whether there are tiles of it."""
        return address in self._held

    def reduce(self, rows: Tensor, addresses: Sequence[Address], places: Sequence[int]) -> list[Tensor]:
        """``[address, cell]`` of float32 ``[row, unit]``, for the addresses that have tiles, from the rows at their ``places``.

        Nothing where none of them has.
        """
        chosen = self._chosen(addresses)
        if not chosen:
            return []
        place_of = dict(zip(addresses, places, strict=True))
        wanted = [place_of[address] for address in chosen]
        if wanted != list(range(len(rows))):
            rows = _picked(rows, wanted)
        return [self._source.cells(rows, chosen).contiguous()]

    def _chosen(self, addresses: Sequence[Address]) -> list[Address]:
        """In the order of the run's addresses, in which projections lie too: so they need not be copied to be used."""
        return sorted((a for a in addresses if a in self._held), key=self._held.__getitem__)

    def payloads(
        self, arrays: Iterator[NDArray[Any]], addresses: Sequence[Address], position: int
    ) -> dict[Address, dict[str, Any]]:
        """By address, from the arrays that :meth:`reduce` gave for these addresses."""
        chosen = self._chosen(addresses)
        if not chosen:
            return {}
        cells, filled = next(arrays), [self._source.filled(address) for address in chosen]
        if len(set(filled)) == 1:
            encoded = encode_many(cells[:, : filled[0]], self._config.quantization, halve)
        else:
            rows = zip(cells, filled, strict=True)
            encoded = [encode_many(row[None, :count], self._config.quantization, halve)[0] for row, count in rows]
        return {
            address: {
                "kind": "tile",
                "source": self._config.tile,
                "height": self._height,
                "width": self._width,
                "filled": count,
                "positions": [position],
                **self._source.tells(address),
                **values,
            }
            for address, count, values in zip(chosen, filled, encoded, strict=True)
        }


class _Order:
    def __init__(self, loaded: LoadedModel, cells: int) -> None:
        self._loaded, self._cells = loaded, cells

    def _run(self, address: Address) -> int:
        return -(-self._loaded.anatomy.width(address) // self._cells)

    def tells(self, address: Address) -> dict[str, Any]:
        return {"run": self._run(address)}

    def filled(self, address: Address) -> int:
        return -(-self._loaded.anatomy.width(address) // self._run(address))

    def cells(self, rows: Tensor, addresses: Sequence[Address]) -> Tensor:
        run = self._run(addresses[0])
        if run == 1:
            return rows
        whole = rows.shape[1] // run * run
        parts = [rows[:, :whole].reshape(len(rows), -1, run), rows[:, None, whole:]]
        if rows.device.type == "cpu":
            means = [part.numpy().mean(axis=2) for part in parts if part.shape[2]]
            return torch.from_numpy(np.concatenate(means, axis=1))
        return torch.cat([part.mean(dim=2) for part in parts if part.shape[2]], dim=1)


class _Random:
    def __init__(self, loaded: LoadedModel, addresses: Sequence[Address], cells: int) -> None:
        widths = dict.fromkeys(loaded.anatomy.width(address) for address in addresses)
        _check_bytes(sum(widths) * cells)
        self._cells = cells
        self._signs = {width: torch.from_numpy(drawn_signs(width, cells)).to(loaded.device) for width in widths}

    def tells(self, address: Address) -> dict[str, Any]:
        return {"seed": SEED}

    def filled(self, address: Address) -> int:
        return self._cells

    def cells(self, rows: Tensor, addresses: Sequence[Address]) -> Tensor:
        return rows @ self._signs[rows.shape[1]]


class _Components:
    """Means and components of each address, those of one width in one tensor."""

    def __init__(
        self, loaded: LoadedModel, found: dict[Address, int], cells: int, name: str, reference: Reference
    ) -> None:
        self.without: dict[str, str] = {}
        self._name = name
        self._place: dict[Address, int] = {}
        self._filled: dict[Address, int] = {}
        self._by_width: dict[int, tuple[Tensor, Tensor]] = {}
        for width in dict.fromkeys(found.values()):
            addresses = [address for address in found if found[address] == width]
            means = np.zeros((len(addresses), width), np.float32)
            # Where a sample varies in fewer directions, the rest of its columns stays zero and is cut off in the payload.
            matrices = np.zeros((len(addresses), width, min(cells, width)), np.float32)
            for place, address in enumerate(addresses):
                mean, matrix = principal(reference.sample(address), min(cells, width))
                means[place], matrices[place, :, : matrix.shape[1]] = mean, matrix
                self._place[address], self._filled[address] = place, matrix.shape[1]
            tensors = (torch.from_numpy(means), torch.from_numpy(matrices))
            self._by_width[width] = (tensors[0].to(loaded.device), tensors[1].to(loaded.device))

    def tells(self, address: Address) -> dict[str, Any]:
        return {"reference": self._name}

    def filled(self, address: Address) -> int:
        return self._filled[address]

    def cells(self, rows: Tensor, addresses: Sequence[Address]) -> Tensor:
        means, matrices = self._by_width[rows.shape[1]]
        places = [self._place[address] for address in addresses]
        if len(places) == places[-1] - places[0] + 1:
            means, matrices = means[places[0] : places[-1] + 1], matrices[places[0] : places[-1] + 1]
        else:
            means, matrices = means[places], matrices[places]
        return torch.bmm((rows - means)[:, None], matrices)[:, 0]


def _picked(rows: Tensor, places: Sequence[int]) -> Tensor:
    """As in all of a step, NumPy picks on a CPU: on one core, since several would only wait for each other."""
    if rows.device.type == "cpu":
        return torch.from_numpy(rows.numpy()[list(places)])
    return rows.index_select(0, torch.tensor(places, device=rows.device))


_latest: WeakKeyDictionary[LoadedModel, tuple[tuple[Any, ...], _Components]] = WeakKeyDictionary()
"""Of each model the components that its last run used: finding them takes seconds, and the next run asks for the same."""


def _components(
    loaded: LoadedModel, addresses: Sequence[Address], cells: int, config: TraceConfig, lookup: Lookup
) -> _Components:
    name = config.tile_reference
    if lookup.reference is None or name is None:
        raise NotFound("Tiles by PCA need a reference, and none can be looked up here.")
    reference = lookup.reference(name)
    key = (name, cells, tuple(addresses), config.points is not None)
    kept = _latest.get(loaded)
    if kept is not None and kept[0] == key:
        return kept[1]
    widths: dict[Address, int] = {}
    without: dict[str, str] = {}
    for address in addresses:
        try:
            tokens = reference.sample(address).shape[1]
        except BadAddress as error:
            if config.points is not None:
                raise
            without[str(address)] = error.message
            continue
        widths[address] = loaded.anatomy.width(address)
        if tokens <= min(cells, widths[address]):
            raise BadRequest(
                f"Index '{name}' keeps a sample of {tokens} tokens, which has at most {max(0, tokens - 1)} principal "
                f"components; tiles of {cells} cells of the {widths[address]} units of {address} need "
                f"{min(cells, widths[address])}.",
                "Ask for a smaller tile_size, or name an index of a larger corpus.",
            )
    if not widths:
        raise BadAddress(f"Index '{name}' holds none of the points that are watched.", "Ask for points that it holds.")
    _check_bytes(sum(width * min(cells, width) for width in widths.values()))
    found = _Components(loaded, widths, cells, name, reference)
    found.without = without
    _latest[loaded] = (key, found)
    return found


def _check_bytes(numbers: int) -> None:
    if 4 * numbers > MOST_BYTES:
        raise BadRequest(
            f"The projections of these tiles would take {4 * numbers / 2**20:,.0f} MiB; {MOST_BYTES >> 20} are the most.",
            "Ask for a smaller tile_size, fewer points or fewer layers, or for tile: order.",
        )
