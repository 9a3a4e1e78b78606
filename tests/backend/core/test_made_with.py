from __future__ import annotations

from typing import Any

import pytest

from neuronscope.core.generation import GenerateRequest
from neuronscope.core.made_with import MadeWith


def test_a_run_tells_what_it_was_asked_for() -> None:
    request = GenerateRequest(messages=({"role": "user", "content": "Hi"},), max_new_tokens=9, temperature=0.5, seed=3)
    start = {"settings": {**request.settings(), "interventions": [{"id": "a"}]}, "config": {"capture_mode": "topk"}}
    assert MadeWith.of(start) == MadeWith(9, 0.5, None, None, 3, True, 1, "topk")


def test_a_prompt_that_was_only_read_was_made_with_nothing() -> None:
    assert MadeWith.of({"settings": {}, "config": {"capture_mode": "full"}}) is None
    assert MadeWith.of({}) is None


@pytest.mark.parametrize("value", ["x", [], {}, None, True, float("nan"), float("inf")])
def test_what_is_no_setting_is_left_out(value: Any) -> None:
    names = ("max_new_tokens", "temperature", "top_k", "top_p", "seed", "interventions")
    found = MadeWith.of({"settings": dict.fromkeys(names, value), "config": value})
    assert found == MadeWith(None, None, None, None, None, False, 0, None)


def test_a_number_too_large_is_none() -> None:
    found = MadeWith.of({"settings": {"temperature": 10**400, "seed": 10**400}, "config": None})
    assert found is not None
    assert found.temperature is None


@pytest.mark.parametrize("settings", ["x", [1], 3])
def test_settings_that_are_none_are_nothing(settings: Any) -> None:
    assert MadeWith.of({"settings": settings, "config": {}}) is None
