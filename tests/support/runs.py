"""Runs for tests: a tiny model of a family, and what a run over it gives."""

from __future__ import annotations

from typing import Any

import torch

from neuronscope.capture.generate import Generation
from neuronscope.capture.values import Lookup
from neuronscope.core.events import Done, Event, Failed, Receipt, Step
from neuronscope.core.generation import GenerateRequest
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from support.families import tiny_model
from support.tokenizers import tiny_tokenizer

PROMPT = "Hi, cat 42!"


def tiny(family: str, device: str = "cpu") -> LoadedModel:
    """A tiny model of a family with its tokenizer; it has no end token of its own."""
    model = tiny_model(family).to(device)  # type: ignore[arg-type]  # typed for one overload
    model.generation_config.eos_token_id = None
    return wrap(model, tiny_tokenizer(), family)


def request(tokens: int = 6, **options: Any) -> GenerateRequest:
    """A run over :data:`PROMPT`."""
    return GenerateRequest(**{"prompt": PROMPT, "max_new_tokens": tokens, **options})


def run(
    loaded: LoadedModel,
    tokens: int = 6,
    config: dict[str, Any] | None = None,
    interventions: Any = (),
    lookup: Lookup | None = None,
    **options: Any,
) -> list[Event]:
    """All events of a run that goes well."""
    events = list(Generation(loaded, request(tokens, **options), config, interventions, lookup).events())
    assert not isinstance(events[-1], Failed), events[-1]
    assert isinstance(events[-1], Done)
    return events


def steps(events: list[Event]) -> list[Step]:
    return [event for event in events if isinstance(event, Step)]


def receipts(events: list[Event]) -> list[Receipt]:
    return [event for event in events if isinstance(event, Receipt)]


def ids(events: list[Event]) -> list[int | None]:
    return [step.token_id for step in steps(events)]


def plain_ids(loaded: LoadedModel, tokens: int, prompt: str = PROMPT, **options: Any) -> list[int]:
    """What transformers' own generation gives, with no tap and no code of ours."""
    given = torch.tensor([loaded.encode(prompt).ids], device=loaded.device)
    found = loaded.model.generate(
        given,
        attention_mask=torch.ones_like(given),
        max_new_tokens=tokens,
        pad_token_id=0,
        **{"do_sample": False, **options},
    )
    return found[0, given.shape[1] :].tolist()
