from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from torch import nn

from neuronscope.capture.forward import run_prompt
from neuronscope.capture.generate import Generation
from neuronscope.core.address import Address
from neuronscope.core.events import Step, Token
from support.runs import PROMPT, ids, request, tiny


@dataclass
class Asker:
    wanted: bool = True
    steps: list[tuple[int, Token, dict[int, Any]]] = field(default_factory=list)

    def take(self, step: int, token: Token, values: dict[int, Any]) -> None:
        self.steps.append((step, token, values))


def _hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_rows_are_the_blocks_outputs_of_each_last_token(family: str) -> None:
    loaded = tiny(family)
    asker = Asker()
    # Without any configuration that would keep them.
    generation = Generation(loaded, request(4), {"capture_mode": "stats", "points": ["ln_f"]}, rows=asker)
    events = list(generation.events())
    assert [step for step, _, _ in asker.steps] == [0, 1, 2, 3]
    made = [token for event in events if isinstance(event, Step) for token in event.inputs]
    text = loaded.encode(PROMPT)
    for step, token, values in asker.steps:
        place = len(text.ids) - 1 + step
        assert token == made[place]
        assert sorted(values) == list(range(loaded.anatomy.layer_count))
    whole = type(text)([*text.ids, *ids(events)[:-1]], (*text.tokens, *made[len(text.ids) :]), ())
    expected, _ = run_prompt(loaded, whole, [Address("resid_post", n) for n in range(loaded.anatomy.layer_count)])
    for step, _, values in asker.steps:
        for layer, row in values.items():
            assert row.dtype == np.float32
            place = len(text.ids) - 1 + step
            np.testing.assert_allclose(row, expected[Address("resid_post", layer)][place], rtol=1e-4, atol=1e-5)
    assert _hooks(loaded.model) == 0


def test_rows_come_only_where_they_are_wanted() -> None:
    asker = Asker(wanted=False)
    generation = Generation(tiny("llama"), request(4), rows=asker)
    for event in generation.events():
        if isinstance(event, Step) and event.step == 1:
            asker.wanted = True
    assert [step for step, _, _ in asker.steps] == [2, 3]


def test_rows_change_no_token_and_no_logit() -> None:
    bare = [e for e in Generation(tiny("gpt2"), request(6)).events() if isinstance(e, Step)]
    read = [e for e in Generation(tiny("gpt2"), request(6), rows=Asker()).events() if isinstance(e, Step)]
    assert bare == read
