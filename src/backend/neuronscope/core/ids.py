"""Opaque ids: one letter for the kind and a ULID, lower case. Nothing that a client sends is used as one before it matched."""

from __future__ import annotations

import re

from ulid import ULID

from neuronscope.core.errors import NotFound

_ID = re.compile(r"[a-z]_[0-9a-z]{26}")
KINDS = {"t": "trace", "j": "job", "x": "index", "s": "sample", "g": "group", "p": "precision comparison"}


def new_id(kind: str) -> str:
    """A fresh id of a kind of :data:`KINDS`; later ids sort after earlier ones."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of id: {kind!r}")
    return f"{kind}_{str(ULID()).lower()}"


def is_id(text: str, kind: str) -> bool:
    """Whether a text has the shape of an id of that kind."""
    return _ID.fullmatch(text) is not None and text[0] == kind


def check_id(text: str, kind: str) -> str:
    """The same text if it has the shape of an id of that kind, else :class:`NotFound`."""
    if not is_id(text, kind):
        article = "an" if KINDS[kind][0] in "aeiou" else "a"
        hint = "`neuronscope index list` shows them." if kind == "x" else ""
        raise NotFound(f"'{text[:60]}' is not the id of {article} {KINDS[kind]}.", hint)
    return text
