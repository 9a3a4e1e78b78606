"""TransformerLens and transformers alone, in the peers' environment: generation of a GPT-2 shape, and an index by hand.

TransformerLens loads from the hub; a model that is already there is handed to it with ``hf_model``. It wraps that model's
modules for good, so plain generation has a second model, with the same weights.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import torch
from answering import answer
from common import machine
from s1_index import K, random_windows
from tokenizers import Tokenizer, models
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

LAYER_POINTS = (
    "hook_resid_pre",
    "hook_attn_out",
    "hook_resid_mid",
    "mlp.hook_post",
    "hook_mlp_out",
    "hook_resid_post",
    "attn.hook_pattern",
)
ONCE = ("ln_final.hook_out", "unembed.hook_out")


def _model() -> Any:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=None)).eval()


def _bridge() -> TransformerBridge:
    # Without a tokenizer it would ask the hub for one, and it loads the one given a second time, from its folder.
    # Nothing is ever tokenized here: one word will do.
    with tempfile.TemporaryDirectory() as folder:
        word = "<s>"
        special = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), word)
        one_word = Tokenizer(models.WordLevel({word: 0}, unk_token=word))
        PreTrainedTokenizerFast(tokenizer_object=one_word, **special).save_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        return TransformerBridge.boot_transformers("gpt2", hf_model=_model(), device="cpu", tokenizer=tokenizer)


def _keeping(into: list[Tensor]) -> Callable[[Tensor, Any], Tensor]:
    def keep(tensor: Tensor, hook: Any) -> Tensor:
        into.append(tensor.detach())
        return tensor

    return keep


class Live:
    """Ways of generating the same tokens."""

    def __init__(self, plain: Any, bridge: TransformerBridge, prompt: list[int], new_tokens: int) -> None:
        self._plain, self._bridge, self._new = plain, bridge, new_tokens
        self._ids = torch.tensor([prompt])
        layers = range(plain.config.n_layer)
        self.points = [f"blocks.{layer}.{point}" for layer in layers for point in LAYER_POINTS] + list(ONCE)

    def plain(self) -> list[int]:
        """transformers' own greedy generation."""
        found = self._plain.generate(
            self._ids,
            attention_mask=torch.ones_like(self._ids),
            max_new_tokens=self._new,
            do_sample=False,
            pad_token_id=0,
        )
        return self._generated(found)

    def bridged(self) -> list[int]:
        """TransformerLens' generation, with no hook set."""
        found = self._bridge.generate(
            self._ids,
            max_new_tokens=self._new,
            do_sample=False,
            stop_at_eos=False,
            return_type="tokens",
            verbose=False,
        )
        return self._generated(found)

    def captured(self) -> list[int]:
        """The same with what our default live configuration watches kept of every pass, as ``run_with_cache`` keeps it."""
        kept: dict[str, list[Tensor]] = {name: [] for name in self.points}
        with self._bridge.hooks(fwd_hooks=[(name, _keeping(into)) for name, into in kept.items()]):
            found = self.bridged()
        short = [name for name, tensors in kept.items() if len(tensors) != self._new]
        assert not short, f"these did not fire once a pass: {short}"
        return found

    def _generated(self, ids: Tensor) -> list[int]:
        return [int(i) for i in ids[0, self._ids.shape[1] :]]


class Index:
    """The strongest tokens of every MLP neuron, batch after batch, as one would write it with ``run_with_cache``."""

    def __init__(self, plain: Any, bridge: TransformerBridge, batches: int) -> None:
        self._plain, self._bridge = plain, bridge
        self._windows = torch.from_numpy(random_windows(batches)).long()
        self._names = [f"blocks.{layer}.mlp.hook_post" for layer in range(plain.config.n_layer)]
        self._best: dict[str, tuple[Tensor, Tensor]] = {}
        self._forwards: Iterator[int] = itertools.count()
        self._indexed: Iterator[int] = itertools.count()

    @torch.no_grad()
    def forward(self) -> None:
        """transformers' forward pass on the next batch, logits and all."""
        ids = self._windows[next(self._forwards)]
        self._plain(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)

    @torch.no_grad()
    def index(self) -> None:
        """The next batch through ``run_with_cache``; the strongest of it are put together with the strongest so far."""
        number = next(self._indexed)
        ids = self._windows[number]
        _, cache = self._bridge.run_with_cache(ids, names_filter=self._names)
        for name in self._names:
            values, places = cache[name].flatten(0, 1).topk(K, dim=0)
            places += number * ids.numel()
            if name in self._best:
                values, places = (torch.cat(pair) for pair in zip(self._best[name], (values, places), strict=True))
                values, chosen = values.topk(K, dim=0)
                places = places.gather(0, chosen)
            self._best[name] = values, places

    def strongest(self) -> list[float]:
        """The mean of the strongest values of each neuron, layer after layer."""
        return torch.cat([self._best[name][0].mean(0) for name in self._names]).tolist()


def main(job: dict[str, Any]) -> None:
    plain, bridge = _model(), _bridge()
    live = Live(plain, bridge, job["prompt"], job["new_tokens"])
    index = Index(plain, bridge, job["batches"])
    about = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("transformer-lens", "transformers")},
        "dtype": str(plain.dtype),
        "points": len(live.points),
    }
    answer(
        about,
        {
            "plain": live.plain,
            "bridged": live.bridged,
            "captured": live.captured,
            "forward": index.forward,
            "index": index.index,
            "strongest": index.strongest,
        },
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
