"""The pace of a run that a person wants to follow: a pause after each step, before the model begins the next."""

from __future__ import annotations

import threading
import time

from neuronscope.core.events import Event, Receipt, Step

SLOWEST, FASTEST = 0.1, 1000.0
"""Steps a second."""


class Pace:
    """Holds a run to ``rate`` steps a second at most, counting what a step itself takes; a stopped run is held no longer.

    A step's receipt, where one comes, is handed on before the pause: whoever changed something learns at once what it did.
    """

    def __init__(self, rate: float, stopped: threading.Event, changed: bool = False) -> None:
        """``changed``: whether the run begins with changes, so that its first step has a receipt."""
        self._seconds, self._stopped = 1 / rate, stopped
        self._due: float | None = None
        self._receipts = changed

    def expect_receipt(self) -> None:
        """Something was changed: the step that first knows of it has a receipt. Safe from any thread."""
        self._receipts = True

    def after(self, event: Event) -> None:
        """Wait as long as the next step has to. Call it with each event of the run, in order."""
        if isinstance(event, Receipt):
            self._receipts = bool(event.interventions)
        elif not isinstance(event, Step) or self._receipts:
            return
        now = time.monotonic()
        self._due = max(now, (now if self._due is None else self._due) + self._seconds)
        self._stopped.wait(self._due - now)
