"""Tensors that a model changes in place after a tap has seen them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from neuronscope.capture.generate import Generation
from neuronscope.core.events import Step
from neuronscope.traces.payloads import decode
from support.runs import request, tiny

CONFIG = {"capture_mode": "full", "quantization": "f32", "points": ["mlp_out", "resid_post"]}


class _Spoiler:
    """Keeps a copy of what the second block's MLP gives, and from a pass on changes the tensor itself afterwards."""

    def __init__(self, model: Any, first: int) -> None:
        self.kept: list[np.ndarray[Any, Any]] = []
        self._first, self._passes = first, 0
        block = model.model.layers[1]
        self._handles = [
            block.mlp.down_proj.register_forward_hook(self._keep),
            block.register_forward_hook(self._spoil),
        ]

    def _keep(self, _module: nn.Module, _args: object, output: Tensor) -> None:
        self._tensor = output
        self.kept.append(output[0].detach().clone().numpy())

    def _spoil(self, *_: object) -> None:
        if self._passes >= self._first:
            self._tensor.mul_(0.0)
        self._passes += 1

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()


def _values(step: Step, address: str) -> np.ndarray[Any, Any] | None:
    entry = next((e for e in step.entries if e.address == address), None)
    return None if entry is None or entry.payload is None else decode(entry.payload, entry.shape)["values"]


@pytest.mark.parametrize("first", [0, 1])
def test_what_changes_in_place_from_the_start_is_copied(first: int) -> None:
    loaded = tiny("llama")
    spoiler = _Spoiler(loaded.model, first)
    steps = [e for e in Generation(loaded, request(6), CONFIG).events() if isinstance(e, Step)]
    spoiler.remove()
    for step, kept in zip(steps, spoiler.kept, strict=True):
        values = _values(step, "mlp_out.1")
        assert values is not None
        np.testing.assert_array_equal(values, kept)
        assert step.dropped is None


def test_what_begins_to_change_later_is_told_once_and_copied_from_then_on() -> None:
    loaded = tiny("llama")
    spoiler = _Spoiler(loaded.model, 3)
    steps = [e for e in Generation(loaded, request(6), CONFIG).events() if isinstance(e, Step)]
    spoiler.remove()
    for number, (step, kept) in enumerate(zip(steps, spoiler.kept, strict=True)):
        values = _values(step, "mlp_out.1")
        if number == 3:
            assert values is None
            assert step.dropped is not None
            assert step.dropped["policy"] == "changed_in_place"
            assert step.dropped["addresses"] == ["mlp_out.1"]
        else:
            assert values is not None
            np.testing.assert_array_equal(values, kept)
            assert step.dropped is None
        assert _values(step, "resid_post.1") is not None


def test_no_hook_is_left() -> None:
    loaded = tiny("llama")
    events = Generation(loaded, request(6)).events()
    for _ in range(5):
        next(events)
    events.close()
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in loaded.model.modules()) == 0
