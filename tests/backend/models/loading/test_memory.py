from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
from transformers.integrations.bitsandbytes import replace_with_bnb_linear
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING
from transformers.quantizers.base import get_keys_to_not_convert

from neuronscope.core.errors import BadRequest
from neuronscope.models.loading import memory
from neuronscope.models.loading.catalogue import Row, catalogue
from neuronscope.models.loading.choice import choose, refusal
from neuronscope.models.loading.files import check_folder
from neuronscope.models.loading.headers import Stored
from neuronscope.models.loading.sizes import Sizes, sizes_of
from support.families import FAMILIES, tiny_model
from support.loading import measure_load
from support.tokenizers import save_tiny, tiny_tokenizer

GPT2 = Sizes(124439808, 84934656, 12, 768, 3072, 768, 50257, 1024, "float32", 50257 * 768)


def _replaced(model: torch.nn.Module) -> int:
    """Parameters of the layers that transformers and bitsandbytes replace in a model."""
    replace_with_bnb_linear(model, get_keys_to_not_convert(model), BitsAndBytesConfig(load_in_4bit=True))
    layers = [module for module in model.modules() if type(module).__name__ == "Linear4bit"]
    return sum(layer.in_features * layer.out_features for layer in layers)


@pytest.mark.parametrize("family", FAMILIES)
def test_quantizable_layers_are_counted_as_bitsandbytes_replaces_them(family: str) -> None:
    model = tiny_model(family)
    tensors = [Stored(name, "F32", tuple(t.shape), t.numel() * 4) for name, t in model.state_dict().items()]
    assert sizes_of(model.config.to_dict(), tensors).linear == _replaced(model)


def test_fused_experts_are_counted_as_staying_in_full_precision(tmp_path: Path) -> None:
    settings = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
                "num_key_value_heads": 2, "vocab_size": 97, "num_local_experts": 4}  # fmt: skip
    config = AutoConfig.for_model("mixtral", **settings)
    model = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)](config)
    model.save_pretrained(tmp_path)
    files = check_folder(tmp_path)
    assert files.sizes.linear == _replaced(model)
    assert files.sizes.linear < files.sizes.parameters / 3


def _published(row: Row) -> torch.nn.Module:
    s = row.sizes
    if row.family == "gpt2":
        settings = {"n_embd": s.width, "n_layer": s.layers, "n_head": row.heads, "vocab_size": s.vocabulary}
    else:
        settings = {
            "hidden_size": s.width, "num_hidden_layers": s.layers, "intermediate_size": s.mlp, "head_dim": row.head_width,
            "num_attention_heads": row.heads, "num_key_value_heads": row.kv_heads, "vocab_size": s.vocabulary,
            "tie_word_embeddings": row.tied,
        }  # fmt: skip
    config = AutoConfig.for_model(row.family, **settings)
    with torch.device("meta"):
        model = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)](config)
    model.tie_weights()
    return model


@pytest.mark.parametrize("row", [r for r in catalogue().values() if not r.remote_code], ids=lambda row: row.model_id)
def test_the_catalogue_counts_what_the_published_configuration_makes(row: Row) -> None:
    model = _published(row)
    assert sum(p.numel() for p in model.parameters()) == row.sizes.parameters
    assert _replaced(model) == row.sizes.linear


def test_the_catalogue_holds_the_models_that_people_start_with() -> None:
    ids = " ".join(catalogue())
    for name in ("gpt2-medium", "gpt2-large", "TinyLlama-1.1B-Chat", "phi-2", "Qwen-1_8B", "Qwen2.5", "Qwen3", "gemma-2b",
                 "gemma-7b", "Mistral-7B-v0.1", "Mistral-7B-Instruct-v0.2", "Llama-2-7b", "Llama-2-13b", "Llama-3",
                 "pythia"):  # fmt: skip
        assert name in ids
    assert 3 <= sum(row.recommended for row in catalogue().values()) <= 10


def _free(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _device: int(count))


def test_full_precision_is_taken_where_it_fits_and_four_bits_where_only_they_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _free(monkeypatch, 8e9)
    assert (choose(GPT2, device="cpu").precision, choose(GPT2, device="cpu").by_itself) == ("float32", False)
    _free(monkeypatch, memory.demand(GPT2, "float32").bytes - 1)
    chosen = choose(GPT2, device="cpu")
    assert (chosen.quantization, chosen.by_itself, chosen.fits) == ("nf4", True, True)
    asked = choose(GPT2, device="cpu", quantization="none")
    assert (asked.precision, asked.fits) == ("float32", False)


def test_the_dtype_of_the_stored_weights_comes_before_four_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = catalogue()["mistralai/Mistral-7B-v0.1"].sizes
    assert stored.dtype == "bfloat16"
    _free(monkeypatch, memory.demand(stored, "float32").bytes - 1)
    chosen = choose(stored, device="cpu")
    assert (chosen.precision, chosen.by_itself, chosen.fits) == ("bfloat16", True, True)
    assert choose(stored, device="cpu", quantization="none").precision == "bfloat16"
    assert choose(stored, device="cpu", quantization="nf4").precision == "nf4"
    _free(monkeypatch, memory.demand(stored, "bfloat16").bytes - 1)
    assert choose(stored, device="cpu").precision == "nf4"
    assert not choose(stored, device="cpu", quantization="none").fits


def test_a_refusal_says_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, memory.demand(GPT2, "bfloat16").bytes + 1)
    error = refusal("gpt2", choose(GPT2, device="cpu", dtype="float32"))
    assert error.message.startswith("gpt2 needs about ")
    assert "in float32 on cpu" in error.message
    assert "bfloat16 (" in error.hint
    _free(monkeypatch, 1000)
    assert "small/one would fit" in refusal("gpt2", choose(GPT2, device="cpu"), ["small/one"]).hint


def test_eight_bits_are_for_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequest, match="int8 runs on CUDA only"):
        choose(GPT2, device="cpu", quantization="int8")
    with pytest.raises(BadRequest, match="no quantization"):
        choose(GPT2, device="cpu", quantization="gptq")


@pytest.fixture(scope="module")
def middling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of 98 million parameters, 393 MB in float32."""
    folder = tmp_path_factory.mktemp("middling")
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=768, intermediate_size=2048, num_hidden_layers=13, num_attention_heads=12, vocab_size=4096,
        max_position_embeddings=1024,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer(258).save_pretrained(folder)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
@pytest.mark.parametrize(("dtype", "quantization"), [("float32", "none"), ("bfloat16", "none"), ("float32", "nf4")])
def test_a_load_takes_what_the_estimate_said_within_a_tenth(middling: Path, dtype: str, quantization: str) -> None:
    figures = measure_load(middling, dtype, quantization)
    assert figures["weights"] == pytest.approx(figures["weights_estimate"], rel=0.001)
    assert figures["taken"] == pytest.approx(figures["estimate"], rel=0.1)
    assert figures["seconds"] < 1


def test_a_header_makes_no_file_look_smaller(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "one")
    files = check_folder(folder)
    assert memory.demand(files.sizes, "float32").weights == files.stored_bytes
