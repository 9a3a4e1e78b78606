"""A prompt's tensors give the same entries whether they wait for each other or are reduced one by one."""

from __future__ import annotations

from typing import Any

import pytest

from neuronscope.capture import prompt_watch
from support.families import FAMILIES
from support.runs import run, steps, tiny

CONFIGS: tuple[dict[str, Any], ...] = (
    {},
    {"capture_mode": "stats"},
    {"capture_mode": "topk", "topk": 5, "quantization": "q8"},
    {"capture_mode": "sampled", "quantization": "f32"},
    {"capture_mode": "full", "attention_tier": "full_matrix"},
    {"capture_mode": "full", "quantization": "q8"},
    {"capture_mode": "tile"},
)


def _first(monkeypatch: pytest.MonkeyPatch, family: str, config: dict[str, Any], most: int) -> Any:
    monkeypatch.setattr(prompt_watch, "MOST_WAITING", most)
    return steps(run(tiny(family), 2, {"max_bytes_per_step": 1_000_000, **config}))[0]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_in_every_mode(monkeypatch: pytest.MonkeyPatch, family: str, config: dict[str, Any]) -> None:
    alone = _first(monkeypatch, family, config, 0)
    for most in (5_000, 1 << 30):
        assert _first(monkeypatch, family, config, most).entries == alone.entries


@pytest.mark.parametrize("family", FAMILIES)
def test_in_every_family(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    assert _first(monkeypatch, family, {}, 1 << 30).entries == _first(monkeypatch, family, {}, 0).entries
