"""What LLMRI's clients want changed, and the runs that it acts on: the one in force at once, later ones from their start."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuronscope.bridges.mri_wire import Setting
from neuronscope.core.errors import NeuronScopeError
from neuronscope.core.intervention import Intervention

if TYPE_CHECKING:
    from neuronscope.capture.values import Lookup
    from neuronscope.models.loaded import LoadedModel
    from neuronscope.runtime.live_run import LiveRun

log = logging.getLogger("neuronscope.bridges")

OURS = "llmri:"
"""How the ids of these interventions begin: others of the run stay as they are."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a model decides which units there are: layers with an output that can be named, its width, what is protected."""

    layers: tuple[int, ...]
    width: int
    protected: frozenset[str]


def facts_of(loaded: LoadedModel, lookup: Lookup) -> Facts:
    """The facts of a loaded model."""
    anatomy = loaded.anatomy
    layers = sorted(a.layer for a in anatomy.sites if a.point == "resid_post" and a.layer is not None)
    return Facts(tuple(layers), anatomy.d_model, lookup.protected)


def interventions_of(setting: Setting | None, facts: Facts) -> tuple[tuple[Intervention, ...], int, int]:
    """Interventions for a model, how many units they change, and how many were skipped: protected, or not in this model.

    Units of one multiplier are one intervention. They act at the last token of each pass, as LLMRI's do.
    """
    if setting is None:
        return (), 0, 0
    by_value: dict[float, list[str]] = defaultdict(list)
    skipped = 0
    for layer in facts.layers if setting.layer is None else (setting.layer,):
        for unit, multiplier in setting.multipliers.items():
            name = f"resid_post.{layer}:{unit}"
            if layer not in facts.layers or unit >= facts.width or name in facts.protected:
                skipped += 1
            else:
                by_value[multiplier].append(name)
    made = tuple(
        _intervention(f"{OURS}{number}", tuple(units), multiplier)
        for number, (multiplier, units) in enumerate(by_value.items(), start=1)
    )
    return made, sum(len(one.units) for one in made), skipped


def _intervention(identity: str, units: tuple[str, ...], multiplier: float) -> Intervention:
    if multiplier == 0:
        # Times 0 an infinite value would become none at all.
        return Intervention(identity, units, "ablate_zero", positions="last")
    return Intervention(identity, units, "scale", multiplier, positions="last")


class Steering:
    """The setting in force, over runs and clients. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._setting: Setting | None = None
        self._runs: dict[str, tuple[LiveRun, Facts]] = {}
        self._latest: Facts | None = None

    def set(self, setting: Setting | None) -> dict[str, Any]:
        """Put a setting in force in place of what was; ``count`` and ``skipped`` of ``intervention_active``.

        They are those of the run in force, or of the last one: the model of the next can't be known.
        """
        with self._lock:
            self._setting = setting
            numbers = self._numbers(self._latest)
            for trace_id, (run, facts) in list(self._runs.items()):
                if run.state == "ended":
                    del self._runs[trace_id]
                    continue
                numbers = self._act(run, facts)
            return numbers

    def join(self, run: LiveRun, loaded: LoadedModel, lookup: Lookup) -> dict[str, Any] | None:
        """A run begins: what is set acts on it from its first pass. What is told of that, or None where nothing is set."""
        facts = facts_of(loaded, lookup)
        with self._lock:
            self._runs = {key: one for key, one in self._runs.items() if one[0].state != "ended"}
            self._runs[run.trace_id] = run, facts
            self._latest = facts
            return None if self._setting is None else self._act(run, facts)

    def _act(self, run: LiveRun, facts: Facts) -> dict[str, Any]:
        made, _, _ = interventions_of(self._setting, facts)
        try:
            run.intervene(made, only=OURS)
        except NeuronScopeError as refused:
            log.warning("LLMRI's interventions do not act on %s: %s", run.trace_id, refused)
            wanted = self._numbers(facts)
            return {**wanted, "count": 0, "skipped": wanted["count"] + wanted["skipped"]}
        return self._numbers(facts)

    def _numbers(self, facts: Facts | None) -> dict[str, Any]:
        setting = self._setting
        if setting is None:
            return {"count": 0, "layer": None, "skipped": 0}
        if facts is None:
            return {"count": len(setting.multipliers), "layer": setting.layer, "skipped": 0}
        _, count, skipped = interventions_of(setting, facts)
        return {"count": count, "layer": setting.layer, "skipped": skipped}
