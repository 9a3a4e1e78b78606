"""Whose turn it is: on each device one live run generates at a time, in the order in which they came."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Check = Callable[[], None]
Moved = Callable[[int], None]
LOOK = 0.25
"""Seconds between two looks at whether a run that waits was stopped; a stop itself wakes it at once."""


@dataclass(eq=False)
class Place:
    """One run's place in the line of its device. ``moved`` is told how many are before it, each time that changes."""

    moved: Moved
    device: str
    ready: bool = False
    begun: bool = False
    told: int | None = field(default=None)


class Line:
    """A line for each device, whatever the models: two runs at once would each take twice as long as one.

    A run whose model is still being loaded keeps its place, and lets those pass whose models are there.
    """

    def __init__(self) -> None:
        self._lines: dict[str, list[Place]] = {}
        self._changed = threading.Condition()

    def join(self, device: str, moved: Moved) -> Place:
        """Stand behind all who came before."""
        place = Place(moved, device)
        with self._changed:
            self._lines.setdefault(device, []).append(place)
            self._tell(device)
        return place

    def wait(self, place: Place, device: str, check: Check) -> None:
        """Return when it is this one's turn, on the device where its model proved to be; raises what ``check`` raises."""
        with self._changed:
            if device != place.device:
                self._remove(place)
                place.device = device
                self._lines.setdefault(device, []).append(place)
            place.ready = True
            while not self._is_next(place):
                check()
                self._changed.wait(LOOK)
            line = self._lines[place.device]
            place.begun = True
            line.remove(place)
            line.insert(0, place)
            self._tell(place.device)

    def leave(self, place: Place) -> None:
        """Make room, whether it had its turn or not."""
        with self._changed:
            self._remove(place)
            self._changed.notify_all()

    def look(self) -> None:
        """Let all who wait look at once whether they were stopped."""
        with self._changed:
            self._changed.notify_all()

    def _is_next(self, place: Place) -> bool:
        line = self._lines[place.device]
        return not line[0].begun and next(one for one in line if one.ready) is place

    def _remove(self, place: Place) -> None:
        line = self._lines[place.device]
        line.remove(place)
        if not line:
            del self._lines[place.device]
        else:
            self._tell(place.device)

    def _tell(self, device: str) -> None:
        for position, place in enumerate(self._lines[device]):
            if place.told != position:
                place.told = position
                place.moved(position)
