"""S2 on a GPU: a Llama of 1.2 billion parameters in bfloat16, recorded and streamed, against plain and compiled generate.

The shape is that of Llama 3.2 1B, with random weights. Where there is no GPU it says so and measures nothing.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from common import Result
from live import NEW_TOKENS, Shape, interleaved, ratio

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

GOAL = 0.90
GOAL_COMPILED = 0.85
REPEATS = 5


def measure() -> Iterator[Result]:
    import torch

    if not torch.cuda.is_available():
        print("s2_gpu needs an NVIDIA card, and there is none here: nothing measured", file=sys.stderr)
        return
    shape = Shape(llama_shape())
    with shape.streamed() as streamed:
        yield _eager(shape, streamed)
        yield _compiled(shape, streamed)


def _eager(shape: Shape, streamed: Callable[..., list[int]]) -> Result:
    same = shape.run() == shape.plain()
    ways = {"plain": shape.plain, "recorded and streamed": streamed, "recorded": shape.run}
    return _row("S2 on a GPU, 1.2B in bfloat16", ways, GOAL, same)


def _compiled(shape: Shape, streamed: Callable[..., list[int]]) -> Result:
    def plain() -> list[int]:
        return shape.plain(cache_implementation="static")

    def recorded() -> list[int]:
        return shape.run(compiled=True)

    same = recorded() == plain()
    ways = {"plain": plain, "recorded and streamed": lambda: streamed(compiled=True), "recorded": recorded}
    return _row("S2 on a GPU, compiled", ways, GOAL_COMPILED, same)


def _row(name: str, ways: dict[str, Callable[[], object]], goal: float, same: bool) -> Result:
    import torch

    times = interleaved(ways, REPEATS)
    median = {way: statistics.median(found) / NEW_TOKENS * 1000 for way, found in times.items()}
    reached = ratio(times["plain"], times["recorded and streamed"])
    parts = ", ".join(f"{way} {value:.2f}" for way, value in median.items())
    tokens = "the same tokens" if same else "tokens differ"
    note = f"{torch.cuda.get_device_name()}; ms a token over {NEW_TOKENS}: {parts}; {tokens}"
    return Result(
        name, 1000 / median["recorded and streamed"], 1000 / median["plain"], reached, f"≥ {goal}", reached >= goal,
        "tokens/s", note,
    )  # fmt: skip


def llama_shape(layers: int = 16, width: int = 2048) -> LoadedModel:
    """Random weights in the shape of Llama 3.2 1B, on the first card."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from neuronscope.models.loading.loader import wrap
    from support.tokenizers import tiny_tokenizer

    torch.manual_seed(0)
    heads = width // 64
    config = LlamaConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=heads // 4, vocab_size=128_256, max_position_embeddings=4096, tie_word_embeddings=True,
        dtype="bfloat16", bos_token_id=0, eos_token_id=None,
    )  # fmt: skip
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            model = LlamaForCausalLM(config).eval()
    finally:
        torch.set_default_dtype(before)
    return wrap(model, tiny_tokenizer(bos=False), "llama-1b-shape")
