from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from neuronscope.capture.forward import run_prompt
from neuronscope.core.address import Address
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import BUNDLED_ID, Sources, folder_source
from neuronscope.models.quantized import dense_weight, is_quantized
from support.tokenizers import tiny_tokenizer


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(Sources().find(BUNDLED_ID), quantization="nf4", device="cpu")


def test_four_bits_on_a_cpu_keep_embeddings_and_head_in_full_precision(loaded: LoadedModel) -> None:
    assert (loaded.quantization, loaded.dtype, str(loaded.device)) == ("nf4", "float32", "cpu")
    kinds = {name: is_quantized(p) for name, p in loaded.model.named_parameters()}
    assert kinds["model.layers.0.mlp.down_proj.weight"]
    assert not kinds["model.embed_tokens.weight"]
    plain = load(Sources().find(BUNDLED_ID), device="cpu")
    assert loaded.key != plain.key
    assert loaded.weight_bytes < 0.6 * plain.weight_bytes


def test_a_neuron_is_what_the_unpacked_weights_make_of_it(loaded: LoadedModel) -> None:
    """Also on a CPU with AVX512-BF16, where bitsandbytes would round everything to bfloat16."""
    layer = loaded.model.get_submodule("model.layers.1.mlp")
    seen: list[torch.Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _m, args: seen.append(args[0].detach().clone()))
    try:
        address = Address("mlp_act", 1)
        encoded = loaded.encode("the capital of france is paris.")
        first = run_prompt(loaded, encoded, [address])[0][address]
        again = run_prompt(loaded, encoded, [address])[0][address]
    finally:
        handle.remove()
    assert (first == again).all()
    gate, up = (dense_weight(layer.get_submodule(name)) for name in ("gate_proj", "up_proj"))
    assert gate is not None
    assert up is not None
    expected = torch.nn.functional.silu(seen[0] @ gate.T) * (seen[0] @ up.T)
    assert torch.allclose(torch.from_numpy(first), expected[0], rtol=1e-4, atol=1e-5)


def test_linear_layers_take_less_than_two_fifths_of_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12, vocab_size=16000,
        max_position_embeddings=512, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.float16).save_pretrained(tmp_path)
    tiny_tokenizer(258).save_pretrained(tmp_path)
    found = load(folder_source(tmp_path), quantization="nf4", device="cpu")
    packed = half = 0
    for module in found.model.modules():
        weight = getattr(module, "weight", None)
        if weight is not None and is_quantized(weight):
            state = weight.quant_state
            packed += weight.numel() * weight.element_size() + state.absmax.numel() * state.absmax.element_size()
            half += module.in_features * module.out_features * 2
    assert half == 2 * 84934656
    assert packed < 0.4 * half
    address = Address("mlp_act", 11)
    assert run_prompt(found, found.encode("abc"), [address])[0][address].shape == (4, 2048)


def test_weights_that_were_stored_in_four_bits_load_as_they_are(loaded: LoadedModel, tmp_path: Path) -> None:
    loaded.model.save_pretrained(tmp_path)
    loaded.tokenizer.save_pretrained(tmp_path)
    again = load(folder_source(tmp_path), device="cpu")
    assert again.quantization == "nf4"
    address = Address("mlp_act", 2)
    encoded = loaded.encode("two and two")
    assert (
        run_prompt(again, encoded, [address])[0][address] == run_prompt(loaded, encoded, [address])[0][address]
    ).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="int8 needs CUDA")
def test_eight_bits_on_cuda() -> None:
    found = load(Sources().find(BUNDLED_ID), quantization="int8", device="cuda")
    assert (found.quantization, found.dtype) == ("int8", "float16")
    address = Address("mlp_act", 1)
    assert run_prompt(found, found.encode("two and two"), [address])[0][address].any()
