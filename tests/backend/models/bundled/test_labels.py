"""Labels: the generator's own, and the rules against them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from neuronscope.models.bundled.corpus import Span, generate
from neuronscope.models.bundled.labels import label_text, token_parts


def test_token_parts_follow_the_spans(tokenizer: Any) -> None:
    document = next(d for d in generate(1, 50) if d.text.startswith("<|user|>"))
    encoded = tokenizer(document.text, return_offsets_mapping=True)
    parts = token_parts(document, encoded["offset_mapping"])
    assert len(parts) == len(encoded["input_ids"])
    for token, part in zip(encoded["input_ids"], parts, strict=True):
        if token in tokenizer.all_special_ids:
            assert part == "chat"


def test_offsets_outside_the_text_are_refused() -> None:
    document = next(generate(1, 1))
    with pytest.raises(ValueError, match="outside"):
        token_parts(document, [(0, len(document.text) + 1)])


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_rules_agree_with_the_generator(tokenizer: Any, split: str) -> None:
    same: list[bool] = []
    for document in generate(77, 800, split):
        offsets = tokenizer(document.text, return_offsets_mapping=True)["offset_mapping"]
        ruled = [span.part for span in label_text(document.text, offsets)]
        same += [a == b for a, b in zip(token_parts(document, offsets), ruled, strict=True)]
    assert sum(same) / len(same) >= 0.97


@pytest.mark.parametrize("text", ["", " ", "\n\n", "?!?!", "<|user|>", "<|end|>4+4", "Où ?\n\n  x = 3\n", "a" * 5000])
def test_labels_cover_any_text(text: str) -> None:
    spans = label_text(text)
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert all(one.end == other.start for one, other in pairwise(spans))


def test_parts_change_within_a_text() -> None:
    assert label_text("23+45=68\nThe cow says moo. def f(x):\n    return x\n") == [
        Span(0, 9, "arithmetic"),
        Span(9, 27, "facts"),
        Span(27, 50, "code"),
    ]
