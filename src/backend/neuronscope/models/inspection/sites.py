"""The hook points of one block as they are found: which module's input or output each is, and why one is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

Side = Literal["input", "output", "attention"]
Take = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Place:
    """``item`` is the place in the module's output where that is a tuple; ``own`` is for attention rows that a module
    computes itself, outside transformers' attention interface."""

    module: nn.Module
    side: Side
    take: Take
    item: int = 0
    own: bool = False


@dataclass
class BlockSites:
    """``places`` maps point names to where they are read, ``refused`` the others to a reason."""

    places: dict[str, Place] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    parallel: bool = False

    def put(self, point: str, module: nn.Module, side: Side, take: Take | None = None, item: int = 0) -> None:
        self.places[point] = Place(module, side, take or whole, item)
        self.refused.pop(point, None)

    def refuse(self, points: str, reason: str) -> None:
        """Refuse each of the points, unless it has been found or refused already: the first reason is the nearest."""
        for point in points.split():
            if point not in self.places:
                self.refused.setdefault(point, reason)

    def withdraw(self, point: str, reason: str) -> None:
        """Refuse a point that had been found."""
        self.places.pop(point, None)
        self.refused[point] = reason


def whole(tensor: Tensor) -> Tensor:
    """The tensor as it is."""
    return tensor
