"""A model in memory, with its tokenizer, its anatomy and its identity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from neuronscope.core.errors import BadRequest, TooLarge, UnsupportedModel
from neuronscope.core.events import Token
from neuronscope.models.anatomy import Anatomy
from neuronscope.models.inspection.structure import text_config
from neuronscope.models.parity import Parity
from neuronscope.models.quantized import stored_tensors
from neuronscope.models.turns import ForwardLock


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as tokens. ``offsets`` are character ranges in the text, empty for tokens that stand for none."""

    ids: tuple[int, ...]
    tokens: tuple[Token, ...]
    offsets: tuple[tuple[int, int], ...]


@dataclass(eq=False)
class LoadedModel:
    """``key`` binds traces and indexes to exactly these weights, tokenizer, dtype and quantization."""

    model_id: str
    source: str
    revision: str | None
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    anatomy: Anatomy
    key: str
    about: str = ""
    quantization: str = "none"
    parity: Parity | None = None
    lock: ForwardLock = field(default_factory=ForwardLock)
    """Held for each forward pass."""

    @property
    def dtype(self) -> str:
        """``float32``, ``float16`` or ``bfloat16``."""
        return str(self.model.dtype).removeprefix("torch.")

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def on_one_card(self) -> bool:
        """Whether all of it is on one CUDA device, so that a pass is one device's work."""
        devices = {parameter.device for parameter in self.model.parameters()}
        return len(devices) == 1 and self.device.type == "cuda"

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of all parameters and buffers, tied ones once, and of the scales of quantized ones."""
        return sum(t.numel() * t.element_size() for t in stored_tensors(self.model))

    @cached_property
    def context_length(self) -> int | None:
        """Positions that the model was made for; ``None`` where its configuration does not say."""
        config = text_config(self.model)
        for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
            value = getattr(config, name, None)
            if isinstance(value, int) and value > 0:
                return value
        return None

    @cached_property
    def special_ids(self) -> frozenset[int]:
        return frozenset(self.tokenizer.all_special_ids)

    def encode(self, text: str) -> Encoded:
        """Tokens of a text by the tokenizer's own defaults.

        Raises :class:`BadRequest` for a text without tokens, :class:`TooLarge` for one beyond the context, and as
        :meth:`check_rows` does.
        """
        if not text:
            raise BadRequest("The prompt is empty.", "Type some text.")
        batch = self.tokenizer(text, return_offsets_mapping=self.tokenizer.is_fast, verbose=False)
        ids = tuple(int(i) for i in batch["input_ids"])
        if not ids:
            raise BadRequest("The prompt has no tokens.", "Type some text.")
        if self.context_length is not None and len(ids) > self.context_length:
            raise TooLarge(
                f"The prompt has {len(ids)} tokens; {self.model_id} reads at most {self.context_length}.",
                "Shorten the prompt.",
            )
        self.check_rows(ids)
        pairs = batch["offset_mapping"] if self.tokenizer.is_fast else [(0, 0)] * len(ids)
        return Encoded(ids, tuple(self.token(i) for i in ids), tuple((int(a), int(b)) for a, b in pairs))

    def check_rows(self, ids: Iterable[int]) -> None:
        """Raises :class:`UnsupportedModel` where the tokenizer gave an id that the embedding has no row for."""
        rows = self.anatomy.vocabulary
        beyond = next((i for i in ids if not 0 <= i < rows), None)
        if beyond is not None:
            raise UnsupportedModel(
                f"The tokenizer gives token id {beyond}, but the embedding of {self.model_id} has {rows} rows: they don't "
                "belong together.",
                "Take the tokenizer that the model was trained with, or enlarge the embedding to the tokenizer's size "
                "(resize_token_embeddings) before training.",
            )

    def token(self, token_id: int) -> Token:
        return Token(token_id, self.token_text(token_id), token_id in self.special_ids)

    def token_text(self, token_id: int) -> str:
        """The token as it stands in a text, leading space kept; bytes that are no whole character as ``<0xE2>``."""
        cached = self._texts.get(token_id)
        if cached is None:
            cached = self._texts[token_id] = self._token_text(token_id)
        return cached

    @cached_property
    def _texts(self) -> dict[int, str]:
        return {}

    @cached_property
    def _anchor(self) -> tuple[int, str]:
        # Decoders drop the space before a first token; behind a plain letter a token shows itself whole.
        ids = self.tokenizer("a", add_special_tokens=False, verbose=False)["input_ids"]
        anchor = int(ids[-1])
        return anchor, self._decode([anchor])

    def _decode(self, ids: list[int]) -> str:
        text = self.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    def _token_text(self, token_id: int) -> str:
        anchor, before = self._anchor
        both = self._decode([anchor, token_id])
        text = both[len(before) :] if both.startswith(before) else self._decode([token_id])
        if "\ufffd" not in text:
            return text
        raw = self.tokenizer.convert_ids_to_tokens(token_id)
        return _bytes_shown(raw) if isinstance(raw, str) else text


def _bytes_shown(raw: str) -> str:
    """A byte-level token whose bytes are no whole character, as ``<0xE2><0x82>``."""
    if raw.startswith("<0x"):
        return raw
    return "".join(f"<0x{_BYTES.get(c, ord(c) & 0xFF):02X}>" if c not in _PLAIN else c for c in raw)


def _byte_alphabet() -> dict[str, int]:
    """Character to byte in GPT-2's byte-level alphabet (Radford et al. 2019)."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in visible]
    return {**{chr(b): b for b in visible}, **{chr(256 + n): b for n, b in enumerate(hidden)}}


_BYTES = _byte_alphabet()
_PLAIN = frozenset(chr(b) for b in range(33, 127))
