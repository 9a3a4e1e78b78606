"""A tokenizer described: what it is, its special tokens, what it adds by itself, and how it splits a sample."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from neuronscope.core.events import Token
from neuronscope.models.inspection.structure import vocabulary_size
from neuronscope.models.loaded import LoadedModel

SAMPLE = "Hello world  123\n naïve 🙂"
"""Two spaces, digits, a line break, an accent and a character beyond the basic plane: where tokenizers differ."""


@dataclass(frozen=True, slots=True)
class SpecialToken:
    """``roles`` are what the tokenizer calls it (``bos``, ``eos`` …), empty where it is special without a role."""

    id: int
    text: str
    roles: list[str]


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The text of a Jinja template, which is shown and never run here; ``name`` is empty where there is only one."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TokenizerFacts:
    """``vocabulary`` counts every token that the tokenizer knows, ``rows`` those of the embedding, ``unused_rows`` the
    rows that no token's id points at. ``model``, ``normalizer`` and ``pre_tokenizer`` are ``None`` where the tokenizer is
    Python code, which does not say."""

    name: str
    fast: bool
    vocabulary: int
    added: int
    rows: int
    unused_rows: int
    model: str | None
    normalizer: str | None
    pre_tokenizer: str | None
    byte_fallback: bool | None
    adds_bos: bool
    adds_eos: bool
    context_length: int | None
    special: list[SpecialToken]
    sample: str
    sample_tokens: list[Token]
    chat_templates: list[ChatTemplate]


def tokenizer_facts(loaded: LoadedModel) -> TokenizerFacts:
    """The facts of a loaded model's tokenizer, found by asking it."""
    tokenizer = loaded.tokenizer
    known = {int(i) for i in tokenizer.get_vocab().values()}
    rows = vocabulary_size(loaded.model)
    backend: Any = getattr(tokenizer, "backend_tokenizer", None) if tokenizer.is_fast else None
    ids = [int(i) for i in tokenizer(SAMPLE, verbose=False)["input_ids"]]
    bare = [int(i) for i in tokenizer(SAMPLE, add_special_tokens=False, verbose=False)["input_ids"]]
    return TokenizerFacts(
        name=type(tokenizer).__name__,
        fast=bool(tokenizer.is_fast),
        vocabulary=len(known),
        added=len(tokenizer.added_tokens_decoder),
        rows=rows,
        unused_rows=rows - sum(1 for i in known if i < rows),
        model=type(backend.model).__name__ if backend is not None else None,
        normalizer=_kind(backend.normalizer) if backend is not None else None,
        pre_tokenizer=_kind(backend.pre_tokenizer) if backend is not None else None,
        byte_fallback=_byte_fallback(backend) if backend is not None else None,
        adds_bos=bool(ids) and ids[0] == tokenizer.bos_token_id and ids[:1] != bare[:1],
        adds_eos=bool(ids) and ids[-1] == tokenizer.eos_token_id and ids[-1:] != bare[-1:],
        context_length=loaded.context_length,
        special=_special(tokenizer),
        sample=SAMPLE,
        sample_tokens=[loaded.token(i) for i in ids],
        chat_templates=_templates(getattr(tokenizer, "chat_template", None)),
    )


def _special(tokenizer: Any) -> list[SpecialToken]:
    roles: dict[str, list[str]] = {}
    for role, token in tokenizer.special_tokens_map.items():
        for text in token if isinstance(token, list | tuple) else [token]:
            roles.setdefault(str(text), []).append(str(role).removesuffix("_token").replace("_", " "))
    texts = dict.fromkeys([*roles, *tokenizer.all_special_tokens])
    found = [SpecialToken(int(tokenizer.convert_tokens_to_ids(text)), text, roles.get(text, [])) for text in texts]
    return sorted(found, key=lambda token: token.id)


def _kind(part: Any) -> str:
    """The class of a tokenizer's stage, and for a sequence those of its stages; ``none`` where it has no such stage."""
    if part is None:
        return "none"
    state = json.loads(part.__getstate__())
    stages = [str(stage.get("type")) for stage in (*state.get("normalizers", ()), *state.get("pretokenizers", ()))]
    return f"{state.get('type')} ({', '.join(stages)})" if stages else str(state.get("type"))


def _byte_fallback(backend: Any) -> bool:
    """Whether text beyond the vocabulary falls apart into bytes: by the model's own rule, or since all tokens are bytes."""
    if getattr(backend.model, "byte_fallback", False):
        return True
    before = backend.pre_tokenizer
    return before is not None and "ByteLevel" in before.__getstate__().decode("utf-8", "replace")


def _templates(template: Any) -> list[ChatTemplate]:
    if isinstance(template, dict):
        return [ChatTemplate(str(name), str(text)) for name, text in template.items()]
    return [ChatTemplate("", str(template))] if template else []
