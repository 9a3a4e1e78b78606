from __future__ import annotations

import pytest

from neuronscope.capture.prompt import read_prompt
from neuronscope.core.errors import BadRequest, TooLarge, UnsupportedModel
from neuronscope.core.generation import GenerateRequest
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from support.families import tiny_model
from support.tokenizers import tiny_tokenizer


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return wrap(tiny_model("llama"), tiny_tokenizer(vocabulary=97), "tiny")


def test_tokens_keep_their_spaces_and_flag_special_ones(loaded: LoadedModel) -> None:
    encoded = loaded.encode("ab 12")
    assert [t.text for t in encoded.tokens] == ["<s>", "a", "b", " ", "1", "2"]
    assert [t.special for t in encoded.tokens] == [True, False, False, False, False, False]
    assert encoded.offsets[1:] == ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))


def test_bytes_that_are_no_character_are_shown_as_bytes() -> None:
    whole = wrap(tiny_model("llama"), tiny_tokenizer(vocabulary=258), "tiny")
    # The model's own vocabulary is smaller, but only the tokenizer is asked here.
    texts = [whole.token_text(i) for i in whole.tokenizer("é", add_special_tokens=False)["input_ids"]]
    assert texts == ["<0xC3>", "<0xA9>"]


def test_prompts_without_tokens_and_beyond_the_context_are_refused(loaded: LoadedModel) -> None:
    with pytest.raises(BadRequest, match="empty"):
        loaded.encode("")
    with pytest.raises(TooLarge, match="66 tokens; tiny reads at most 64"):
        loaded.encode("a" * 65)
    assert len(loaded.encode("a" * 63).ids) == 64


def test_ids_beyond_the_embedding_are_refused_before_the_model_meets_them() -> None:
    foreign = wrap(tiny_model("llama"), tiny_tokenizer(vocabulary=258), "tiny")
    # Those of its tokens that the embedding has a row for still serve.
    assert len(foreign.encode("a").ids) == 2
    with pytest.raises(UnsupportedModel, match=r"gives token id \d+, but the embedding of tiny has 97 rows") as caught:
        foreign.encode("aé")
    assert "tokenizer that the model was trained with" in caught.value.hint
    foreign.tokenizer.chat_template = "{{ messages[0].content }}"
    request = GenerateRequest(messages=({"role": "user", "content": "aé"},))
    with pytest.raises(UnsupportedModel, match="don't belong together"):
        read_prompt(foreign, request)


def test_weight_bytes_count_tied_weights_once(loaded: LoadedModel) -> None:
    parameters = sum(p.numel() for p in loaded.model.parameters()) * 4
    assert parameters <= loaded.weight_bytes < parameters + 4096


def test_the_key_follows_the_weights() -> None:
    first = wrap(tiny_model("llama", seed=0), tiny_tokenizer()).key
    again = wrap(tiny_model("llama", seed=0), tiny_tokenizer()).key
    other = wrap(tiny_model("llama", seed=1), tiny_tokenizer()).key
    assert first == again
    assert first != other
