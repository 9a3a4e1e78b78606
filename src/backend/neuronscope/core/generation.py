"""What a run is asked for: a prompt or a conversation, how tokens are chosen, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import NoneType
from typing import Any

from neuronscope.core.errors import BadRequest

ROLES = ("system", "user", "assistant")
MOST_TOKENS = 1_000_000
SEEDS = 1 << 63


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Either ``prompt`` or ``messages``, each ``{role, content}``, which go through the tokenizer's chat template.

    ``temperature`` 0 takes the likeliest token each time; above 0 tokens are drawn, from the ``top_k`` likeliest and then
    from the smallest set that holds ``top_p`` of the probability, with ``seed`` (drawn too where it is left out).
    ``compiled`` replays each token's pass as one CUDA graph, on models and cards that can; it is several times as fast.
    ``stop`` ends the run beside the model's own end tokens: ids, or texts that are one token. The stop token is emitted.
    """

    prompt: str | None = None
    messages: tuple[Mapping[str, str], ...] | None = None
    max_new_tokens: int = 64
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[int | str, ...] = ()
    ignore_eos: bool = False
    compiled: bool = False

    def __post_init__(self) -> None:
        if (self.prompt is None) == (self.messages is None):
            raise BadRequest("A run needs either a prompt or messages.", "Give one of the two.")
        if self.prompt == "":
            raise BadRequest("The prompt is empty.", "Type some text.")
        if self.messages is not None:
            _check_messages(self.messages)
        _whole("max_new_tokens", self.max_new_tokens, 1, MOST_TOKENS)
        _real("temperature", self.temperature, 0, 100)
        if self.top_k is not None:
            _whole("top_k", self.top_k, 1, MOST_TOKENS)
        if self.top_p is not None:
            _real("top_p", self.top_p, 0, 1)
            if self.top_p == 0:
                raise BadRequest("top_p can't be 0.", "It is a share above 0, up to 1.")
        if self.seed is not None:
            _whole("seed", self.seed, 0, SEEDS - 1)
        for name in ("ignore_eos", "compiled"):
            if not isinstance(getattr(self, name), bool):
                raise BadRequest(f"{name} must be true or false.")
        for token in self.stop:
            if isinstance(token, bool) or not isinstance(token, int | str) or token == "":
                raise BadRequest(f"'{str(token)[:60]}' is no stop token.", "A stop token is an id or a text.")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> GenerateRequest:
        """A request from a mapping, as it comes from a person or a client; :class:`BadRequest` if it is wrong."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise BadRequest(f"A run takes no '{str(unknown[0])[:60]}'.", "It takes " + ", ".join(known) + ".")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        for name in ("messages", "stop"):
            if not isinstance(values.get(name, ()), tuple | NoneType):
                raise BadRequest(f"{name} must be a list.")
        if not isinstance(values.get("prompt"), str | NoneType):
            raise BadRequest("The prompt must be a text.")
        return cls(**values)

    def settings(self) -> dict[str, Any]:
        """How tokens are chosen, when the run ends, and the conversation, as they stand in the start event.

        A conversation can't be read back from its tokens, and whoever opens the trace may want to go on with it.
        """
        fields = asdict(self)
        return {key: fields[key] for key in fields if key != "prompt"}


def _check_messages(messages: tuple[Mapping[str, str], ...]) -> None:
    if not messages:
        raise BadRequest("There are no messages.", "Give at least one.")
    for message in messages:
        sound = isinstance(message, Mapping) and set(message) == {"role", "content"}
        if not sound or message["role"] not in ROLES or not isinstance(message["content"], str):
            raise BadRequest(
                "A message is not as it must be.", f"Each is role ({', '.join(ROLES)}) and content, a text."
            )
    if not any(message["content"].strip() for message in messages):
        raise BadRequest("The messages are empty.", "Type some text.")


def _whole(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadRequest(f"{name} can't be {str(value)[:60]}.", f"It is a whole number from {low} to {high}.")


def _real(name: str, value: object, low: float, high: float) -> None:
    # A value that is no number compares false with everything, so it is refused too.
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise BadRequest(f"{name} can't be {str(value)[:60]}.", f"It is a number from {low} to {high}.")
