"""S11: the peak memory of an index build over four times the tokens against that over one time, each in its own process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from common import Result

TOKENS = 1_000_000
CHILD = """
import resource, sys, tempfile
from pathlib import Path
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.readers import Corpus, Document
from neuronscope.models.loading.loader import wrap
from support.tokenizers import tiny_tokenizer
torch.manual_seed(0)
config = LlamaConfig(hidden_size=32, intermediate_size=8192, num_hidden_layers=2, num_attention_heads=2,
                     vocab_size=258, max_position_embeddings=256)
loaded = wrap(LlamaForCausalLM(config), tiny_tokenizer(258), "wide")
text = "so on and on " * 60
corpus = Corpus("long", lambda: (Document(n, text + str(n)) for n in range(int(sys.argv[1]) // len(text))))
with tempfile.TemporaryDirectory() as home:
    build_index(loaded, corpus, Path(home) / "x")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measure() -> Iterator[Result]:
    small, large = (_peak(tokens) for tokens in (TOKENS, 4 * TOKENS))
    grown = large / small - 1
    note = f"2 layers of 8192 neurons, {TOKENS / 1e6:g}M and {4 * TOKENS / 1e6:g}M tokens; grows by {grown:.1%}"
    yield Result("S11 memory of a build", large, small, large / small, "grows < 5%", grown < 0.05, "MB", note)


def _peak(tokens: int) -> float:
    here = Path(__file__).resolve().parent
    path = f"import sys; sys.path.insert(0, {str(here.parent / 'tests')!r})"
    done = subprocess.run([sys.executable, "-c", path + CHILD, str(tokens)], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024
