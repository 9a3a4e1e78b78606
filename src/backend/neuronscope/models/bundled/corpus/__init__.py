"""The corpus the bundled model is trained on: generated, seeded, every character labelled."""

from __future__ import annotations

from neuronscope.models.bundled.corpus.mixture import PARTS, Document, Span, Split, generate

__all__ = ["PARTS", "Document", "Span", "Split", "generate"]
