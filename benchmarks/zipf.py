"""What benchmarks of indexes share: a corpus of made-up words that are as unequal as a language's, and a narrow GPT-2 shape.

What an index costs in memory, and a query in time, depends on tokens, neurons and contexts, not on the model's width.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

WORDS = 20_000
"""Different words; the one of rank r is as frequent as 1 / r (Zipf 1949)."""
MEDIAN, SPREAD, LONGEST = 250, 1.0, 8000
"""Words of a document: log-normal, as web pages are, with this median and this standard deviation of the logarithm."""
SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


def words() -> list[str]:
    """All words, the frequent ones short, each with the space that stands before it."""
    base = len(SYLLABLES)
    return [" " + "".join(SYLLABLES[n // base**p % base] for p in range(_digits(n, base))) for n in range(WORDS)]


def texts(tokens: int, seed: int = 0) -> Iterator[str]:
    """Documents of so many words together; the first ones of a longer corpus are those of a shorter one."""
    vocabulary, chooser = np.array(words(), object), np.random.default_rng(seed)
    shares = np.cumsum(1 / np.arange(1, WORDS + 1))
    left = tokens
    while left > 0:
        size = int(np.clip(chooser.lognormal(np.log(MEDIAN), SPREAD), 1, LONGEST))
        chosen = np.searchsorted(shares / shares[-1], chooser.random(size))
        yield "".join(vocabulary[chosen[:left]])
        left -= size


def tokenizer() -> PreTrainedTokenizerFast:
    """A token for each word."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    unknown = "<unk>"
    made = Tokenizer(models.WordLevel({word: n for n, word in enumerate([*words(), unknown])}, unk_token=unknown))
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token=unknown)


def model(layers: int, neurons: int, width: int = 32) -> Any:
    """A GPT-2 shape of random weights."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=WORDS + 1,
            n_embd=width,
            n_layer=layers,
            n_head=2,
            n_inner=neurons,
            activation_function="gelu_pytorch_tanh",
            bos_token_id=None,
            eos_token_id=None,
        )
    )


def _digits(number: int, base: int) -> int:
    digits = 1
    while number >= base**digits:
        digits += 1
    return digits
