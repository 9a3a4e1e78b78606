from __future__ import annotations

from pathlib import Path

import pytest
import torch

from neuronscope.capture.generate import Generation
from neuronscope.capture.values import Lookup
from neuronscope.core.errors import BadRequest, NotCaptured
from neuronscope.models.loaded import LoadedModel
from neuronscope.runtime.run import Run
from neuronscope.traces.store import Trace
from support.interventions import FULL, INDEX, LOOKUP, TRACE, UNITS, changed
from support.runs import request, run, steps, tiny


@pytest.fixture(scope="module")
def llama() -> LoadedModel:
    return tiny("llama")


def test_a_dose_is_the_quantile_of_each_unit(llama: LoadedModel) -> None:
    config = {**FULL, "points": ("mlp_act.1",)}
    dose = changed("set", dose_quantile=0.5, reference=INDEX)
    payload = steps(run(llama, 1, config, [dose], LOOKUP))[0].entries[0].payload
    assert payload is not None
    values = torch.frombuffer(bytearray(payload["values"]), dtype=torch.float32).view(-1, 48)
    assert values[-1, list(UNITS)].tolist() == [n + 0.5 for n in UNITS]


def test_a_patch_puts_what_another_trace_held(llama: LoadedModel, tmp_path: Path) -> None:
    kept = Run(Generation(llama, request(3, prompt="The dog sat"), {**FULL, "points": ("mlp_act",)}), tmp_path)
    list(kept)
    assert kept.path is not None
    with Trace.open(kept.path) as trace:
        expected = trace.tensor(0, "mlp_act.1")[2, list(UNITS)].tolist()
        later = trace.tensor(1, "mlp_act.1")[0, list(UNITS)].tolist()
        position = trace.step(1).pos0
    lookup = Lookup(trace=lambda _: Trace.open(kept.path))  # type: ignore[arg-type]
    config = {**FULL, "points": ("mlp_act.1",)}
    for step, place, wanted in ((0, 2, expected), (1, position, later)):
        source = {"trace_id": TRACE, "step": step, "position": place}
        payload = steps(run(llama, 1, config, [changed("patch", source=source)], lookup))[0].entries[0].payload
        assert payload is not None
        values = torch.frombuffer(bytearray(payload["values"]), dtype=torch.float32).view(-1, 48)
        assert values[-1, list(UNITS)].tolist() == wanted
    source = {"trace_id": TRACE, "step": 1, "position": 0}
    with pytest.raises(BadRequest, match="holds positions"):
        run(llama, 1, interventions=[changed("patch", source=source)], lookup=lookup)


def test_a_patch_from_a_trace_that_kept_no_tensors_is_refused(llama: LoadedModel, tmp_path: Path) -> None:
    kept = Run(Generation(llama, request(2)), tmp_path)
    list(kept)
    lookup = Lookup(trace=lambda _: Trace.open(kept.path))  # type: ignore[arg-type]
    source = {"trace_id": TRACE, "step": 0, "position": 0}
    with pytest.raises(NotCaptured, match=r"did not keep mlp_act\.1 whole"):
        run(llama, 1, interventions=[changed("patch", source=source)], lookup=lookup)
