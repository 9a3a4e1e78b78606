from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from neuronscope.models.cards.tokenizer_facts import SAMPLE, TokenizerFacts, tokenizer_facts
from neuronscope.models.loading.loader import wrap
from support.families import VOCABULARY, tiny_model
from support.tokenizers import tiny_tokenizer


def facts(tokenizer: PreTrainedTokenizerFast) -> TokenizerFacts:
    return tokenizer_facts(wrap(tiny_model("llama"), tokenizer, "llama"))


def test_a_byte_level_tokenizer_with_a_start_token() -> None:
    found = facts(tiny_tokenizer())
    assert (found.fast, found.vocabulary, found.rows, found.unused_rows) == (True, 97, VOCABULARY, 0)
    assert (found.adds_bos, found.adds_eos) == (True, False)
    assert (found.model, found.normalizer, found.pre_tokenizer) == ("BPE", "none", "ByteLevel")
    assert found.byte_fallback is True
    assert [(one.id, one.text, one.roles) for one in found.special] == [(0, "<s>", ["bos"]), (1, "<unk>", ["unk"])]
    # The byte alphabet folds into 97 pieces: the start token, then a token for each byte of the sample.
    assert len(found.sample_tokens) == 1 + len(SAMPLE.encode())
    assert found.sample_tokens[0].special
    assert found.chat_templates == []
    assert not facts(tiny_tokenizer(bos=False)).adds_bos


def test_rows_that_no_token_points_at_are_counted() -> None:
    found = facts(tiny_tokenizer(vocabulary=90))
    assert (found.vocabulary, found.rows, found.unused_rows) == (90, VOCABULARY, 7)


def test_a_tokenizer_with_an_end_token_a_normalizer_and_templates() -> None:
    words = {"</s>": 0, "[UNK]": 1, "hello": 2, "world": 3}
    raw = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    raw.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.decoder = decoders.Fuse()
    raw.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="</s>", unk_token="[UNK]")
    tokenizer.chat_template = {"default": "{{ messages }}", "tools": "{% set x = 1 %}"}
    found = facts(tokenizer)
    assert (found.adds_bos, found.adds_eos, found.byte_fallback) == (False, True, False)
    assert (found.model, found.normalizer, found.pre_tokenizer) == (
        "WordLevel",
        "Sequence (NFKC, Lowercase)",
        "Whitespace",
    )
    assert {one.name: one.text for one in found.chat_templates} == {
        "default": "{{ messages }}",
        "tools": "{% set x = 1 %}",
    }
    assert found.sample_tokens[-1].id == 0
