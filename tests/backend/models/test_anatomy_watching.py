"""Attention rows beside the computation: no name is changed, nothing is left behind, and what shows no rows says so."""

from __future__ import annotations

import threading

import pytest
import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from neuronscope.capture.forward import run_batch
from neuronscope.core.address import Address
from neuronscope.core.errors import PointUnavailable
from neuronscope.models.attention import AttentionCall, observe_attention
from neuronscope.models.loading.loader import wrap
from support.architectures import random_ids, tiny_architecture
from support.families import tiny_model
from support.tokenizers import tiny_tokenizer

ROWS = [Address("attn_weights", layer) for layer in range(3)]


def test_no_configuration_is_changed_and_sdpa_is_put_back() -> None:
    model = tiny_model("llama")
    seen: list[str] = []
    with observe_attention(model, lambda module, _call: seen.append(module.config._attn_implementation)):
        model(input_ids=random_ids())
    assert seen == ["sdpa"] * 3
    assert AttentionInterface()["sdpa"] is sdpa_attention_forward


def test_another_thread_is_not_seen() -> None:
    mine, other = tiny_model("llama"), tiny_model("llama", seed=1)
    seen: list[AttentionCall] = []
    with observe_attention(mine, lambda _module, call: seen.append(call)):
        thread = threading.Thread(target=lambda: other(input_ids=random_ids()))
        thread.start()
        thread.join()
        assert seen == []
        mine(input_ids=random_ids())
    assert len(seen) == 3


@pytest.mark.parametrize("model_type", ["bloom", "falcon", "gptj", "mpt", "gpt_oss", "gemma2"])
def test_attention_that_a_module_computes_itself_is_read_in_the_same_pass(model_type: str) -> None:
    loaded = wrap(tiny_architecture(model_type), tiny_tokenizer(), model_type)
    ids = random_ids()
    mask = torch.ones_like(ids)
    with torch.no_grad():
        plain = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    found = run_batch(loaded, ids, mask, [*ROWS, Address("logits")])
    assert torch.equal(found[Address("logits")], plain)
    sums = torch.stack([found[a] for a in ROWS]).sum(-1)
    assert bool((sums > 0).all())
    assert bool((sums < 1 + 1e-5).all())
    assert not torch.overrides._get_current_function_mode_stack()


def test_a_kernel_that_shows_no_rows_says_so() -> None:
    loaded = wrap(tiny_model("llama"), tiny_tokenizer(), "silent")
    ids = random_ids()

    def silent(*args: object, **kwargs: object) -> object:
        query = args[1]
        assert isinstance(query, torch.Tensor)
        return query.transpose(1, 2).contiguous(), None

    AttentionInterface.register("silent", silent)
    for layer in loaded.model.model.layers:
        layer.self_attn.config._attn_implementation_internal = "silent"
    with pytest.raises(PointUnavailable, match="shows no rows"):
        run_batch(loaded, ids, torch.ones_like(ids), ROWS)


def test_a_pass_that_fails_leaves_no_watcher_behind() -> None:
    loaded = wrap(tiny_architecture("bloom"), tiny_tokenizer(), "bloom")
    block = loaded.anatomy.blocks[1].attention
    assert block is not None

    def fail(*_args: object) -> None:
        raise RuntimeError("no")

    ids = random_ids()
    handle = loaded.anatomy.blocks[1].attn_out.register_forward_pre_hook(fail)  # type: ignore[union-attr]  # it was found
    with pytest.raises(RuntimeError, match="no"):
        run_batch(loaded, ids, torch.ones_like(ids), ROWS)
    handle.remove()
    assert not torch.overrides._get_current_function_mode_stack()
    assert len(run_batch(loaded, ids, torch.ones_like(ids), ROWS)) == 3
