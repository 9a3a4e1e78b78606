"""What tests of interventions change: some neurons of a tiny model, by references and traces of made-up ids."""

from __future__ import annotations

from typing import Any

from neuronscope.capture.values import Lookup, Reference

FULL = {"capture_mode": "full", "quantization": "f32", "attention_tier": "full_matrix"}
UNITS = (5, 11)
INDEX, TRACE = "x_" + "0" * 26, "t_" + "0" * 26
LOOKUP = Lookup(lambda _: Reference(lambda unit: unit.index / 4, lambda unit, share: unit.index + share))


def changed(op: str, **rest: Any) -> dict[str, Any]:
    return {"units": [f"mlp_act.1:{n}" for n in UNITS], "op": op, **rest}
