from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronscope.corpus import windows
from neuronscope.corpus.readers import Document, bundled
from neuronscope.corpus.windows import (
    LOT,
    NO_PART,
    STRETCH,
    Tokenizer,
    in_shards,
    leading_special,
    plan_batches,
    stretches,
)
from neuronscope.models.bundled.labels import token_parts
from support.tokenizers import tiny_tokenizer


def documents(*texts: str) -> list[Document]:
    return [Document(7 + n, text) for n, text in enumerate(texts)]


def test_documents_are_cut_without_overlap_and_each_window_gets_the_leading_token() -> None:
    tokenizer = tiny_tokenizer(258)
    shard = Tokenizer(tokenizer, 5).shard(documents("abcdefghi", "", "xy"))
    plain = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("abcd", "efgh", "i", "xy")]
    windows = [shard.ids[a:b].tolist() for a, b in zip(shard.starts, shard.starts[1:], strict=False)]
    assert windows == [[0, *ids] for ids in plain]
    assert shard.docs.tolist() == [7, 7, 7, 9]
    assert shard.windows_of.tolist() == [3, 0, 1]
    assert shard.lengths.tolist() == [5, 5, 2, 3]


def test_a_shard_of_empty_documents_has_no_windows() -> None:
    shard = Tokenizer(tiny_tokenizer(258), 5).shard(documents("", ""))
    assert (len(shard.ids), shard.starts.tolist(), shard.windows_of.tolist()) == (0, [0], [0, 0])
    assert plan_batches(shard.lengths, 10) == []


def test_what_stands_before_a_text_is_the_tokenizers_own() -> None:
    assert leading_special(tiny_tokenizer(258)) == (0,)
    assert leading_special(tiny_tokenizer(258, bos=False)) == ()


def test_parts_are_those_of_the_bundled_labels() -> None:
    tokenizer, corpus = tiny_tokenizer(258), bundled(40)
    cut = Tokenizer(tokenizer, 10_000, corpus.parts)
    for document, made in zip(corpus, bundled(40), strict=True):
        shard = cut.shard([document])
        offsets = tokenizer(document.text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        expected = token_parts(made, offsets)
        assert [corpus.parts[part] for part in shard.parts[1:]] == expected
        assert shard.parts[0] == NO_PART


def test_a_tokenizer_that_can_not_tell_characters_gives_no_parts() -> None:
    class Slow:
        is_fast = False

        def __call__(self, text: object, **_: object) -> dict[str, object]:
            return {"input_ids": [[5, 6]] if isinstance(text, list) else [5]}

    cut = Tokenizer(Slow(), 10, ("code",))
    assert cut.parts == ()
    assert cut.shard([next(iter(bundled(1)))]).parts.tolist() == [NO_PART, NO_PART]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200))
def test_batches_hold_each_window_once_within_the_limit(lengths: list[int], tokens: int) -> None:
    plan = plan_batches(np.array(lengths, np.int64), tokens)
    assert sorted(window for batch in plan for window in batch.tolist()) == list(range(len(lengths)))
    for batch in plan:
        longest = max(lengths[window] for window in batch)
        assert len(batch) == 1 or len(batch) * longest <= tokens
        assert batch.tolist() == sorted(batch.tolist())
    ends = [(max(lengths[w] for w in batch), min(lengths[w] for w in batch)) for batch in plan]
    assert all(low >= high for (_, low), (high, _) in itertools.pairwise(ends))


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (4, [2, 2]), (5, [2, 2, 1])])
def test_shards_hold_a_fixed_number_of_documents(count: int, sizes: list[int]) -> None:
    assert [len(lot) for lot in in_shards(iter(documents(*"a" * count)), 2, 1 << 20)] == sizes


def test_shards_end_early_where_their_documents_are_long() -> None:
    texts = ["aaaa", "é", "b", "cccccccc", "", "d"]
    lots = in_shards(iter(documents(*texts)), 3, 6)
    assert [[document.text for document in lot] for lot in lots] == [["aaaa", "é"], ["b", "cccccccc"], ["", "d"]]


def test_a_long_document_is_tokenized_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "STRETCH", 10)
    text = "one two three four\nfive " + "x" * 25 + " é end"
    pieces = list(stretches(text))
    assert "".join(piece for _, piece in pieces) == text
    assert all(len(piece) <= 10 and text[start : start + len(piece)] == piece for start, piece in pieces)
    assert [piece for _, piece in pieces][:2] == ["one two", " three"]
    tokenizer = tiny_tokenizer(258)
    shard = Tokenizer(tokenizer, 8).shard(list(documents("short", text)))
    whole = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in ("short", text)]
    assert shard.ids[shard.ids != 0].tolist() == [*whole[0], *whole[1]], "bytes are cut the same anywhere"
    inner = shard.ids != 0
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert shard.chars[inner][5:].tolist() == [list(pair) for pair in offsets]
    assert shard.chars[~inner].tolist() == [[0, 0]] * int((~inner).sum())


def test_a_long_document_is_tokenized_a_little_at_a_time() -> None:
    """Tokenizers take many times the size of a text: 50 MB at once would take 9 GB."""
    asked: list[int] = []
    plain = tiny_tokenizer(258)

    class Watched:
        is_fast = True

        def __call__(self, text: object, **options: object) -> object:
            asked.append(sum(map(len, text)) if isinstance(text, list) else len(str(text)))
            return plain(text, **options)

    text = "so on and on, é " * 30_000
    shard = Tokenizer(Watched(), 1024).shard([Document(0, "a"), Document(1, text), Document(2, ""), Document(3, "b")])
    assert max(asked) < LOT + STRETCH
    whole = plain(["a", text, "", "b"], add_special_tokens=False, return_offsets_mapping=True)
    kept = shard.ids != 0
    assert shard.ids[kept].tolist() == [i for ids in whole["input_ids"] for i in ids]
    assert shard.chars[kept].tolist() == [list(pair) for pairs in whole["offset_mapping"] for pair in pairs]
    assert shard.windows_of.tolist() == [1, -(-len(whole["input_ids"][1]) // 1023), 0, 1]
