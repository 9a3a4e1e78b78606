"""A small corpus of two parts for tests, and a change of an index's manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from neuronscope.corpus.readers import Corpus, Document
from neuronscope.models.bundled.corpus import Span

TEXTS = ["a cat sat", "", "on the mat " * 6, "猫 a cat", "a cat sat", "zq"]
PARTS = ("even", "odd")


def labelled() -> Corpus:
    def documents() -> Any:
        for ordinal, text in enumerate(TEXTS):
            half = len(text) // 2
            yield Document(ordinal, text, (Span(0, half, "even"), Span(half, len(text), "odd")) if text else ())

    return Corpus("halves", documents, PARTS)


def change_manifest(folder: Path, **changes: object) -> None:
    found = json.loads((folder / "manifest.json").read_text())
    found.update(changes)
    (folder / "manifest.json").write_text(json.dumps({k: v for k, v in found.items() if v is not None}))
