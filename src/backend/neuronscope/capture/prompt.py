"""A request as tokens: what the model reads first, and which tokens end the run."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import TemplateError

from neuronscope.core.errors import BadRequest, TooLarge
from neuronscope.core.events import Token
from neuronscope.core.generation import GenerateRequest
from neuronscope.models.loaded import LoadedModel


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text and its tokens."""

    text: str
    tokens: tuple[Token, ...]

    @property
    def ids(self) -> list[int]:
        return [token.id for token in self.tokens]


def read_prompt(loaded: LoadedModel, request: GenerateRequest) -> Prompt:
    """The prompt by the tokenizer's own defaults, or the conversation through its chat template.

    Raises :class:`BadRequest` where the tokenizer has no chat template or the template refuses the messages, and as
    :meth:`LoadedModel.encode` does.
    """
    if request.prompt is not None:
        return Prompt(request.prompt, loaded.encode(request.prompt).tokens)
    if not loaded.tokenizer.chat_template:
        raise BadRequest(
            f"{loaded.model_id} has no chat template, so it can't be given messages.", "Give it a prompt instead."
        )
    messages = [dict(message) for message in request.messages or ()]
    try:
        text = loaded.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except (TemplateError, ValueError) as error:
        raise BadRequest(
            f"The chat template refuses these messages: {error}.", "Change their roles or order."
        ) from error
    assert isinstance(text, str)
    # The template writes the special tokens itself.
    ids = [int(i) for i in loaded.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]]
    if not ids:
        raise BadRequest("The messages have no tokens.", "Type some text.")
    if loaded.context_length is not None and len(ids) > loaded.context_length:
        raise TooLarge(
            f"The conversation has {len(ids)} tokens; {loaded.model_id} reads at most {loaded.context_length}.",
            "Leave out earlier messages.",
        )
    loaded.check_rows(ids)
    return Prompt(text, tuple(loaded.token(i) for i in ids))


def end_tokens(loaded: LoadedModel, request: GenerateRequest) -> frozenset[int]:
    """Ids that end the run: the model's own, unless they are to be ignored, and those of the request.

    Raises :class:`BadRequest` for an id outside the vocabulary and for a text that is not one token.
    """
    ends: set[int] = set()
    config = loaded.model.generation_config
    own = getattr(config, "eos_token_id", None)
    if not request.ignore_eos and own is not None:
        ends.update([own] if isinstance(own, int) else (int(i) for i in own))
    for given in request.stop:
        if isinstance(given, int):
            if not 0 <= given < loaded.anatomy.vocabulary:
                raise BadRequest(f"{given} is no token: the vocabulary has {loaded.anatomy.vocabulary}.")
            ends.add(given)
            continue
        ids = loaded.tokenizer(given, add_special_tokens=False, verbose=False)["input_ids"]
        if len(ids) != 1:
            raise BadRequest(
                f"'{given[:60]}' is {len(ids)} tokens, and a stop token is one.", "Give the id of a token."
            )
        ends.add(int(ids[0]))
    return frozenset(ends)
