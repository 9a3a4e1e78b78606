"""Statistics against numpy, planted dead and duplicate neurons, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from neuronscope.core.errors import Cancelled
from neuronscope.models.cards.weight_pairs import COSINE, dead, duplicates
from neuronscope.models.cards.weights import LayerWeights, layer_weights
from neuronscope.models.loading.loader import wrap
from neuronscope.models.loading.quantize import keep_as_stored
from support.families import FAMILIES, output_projection, tiny_model
from support.tokenizers import tiny_tokenizer


def measured(family: str, layer: int = 1) -> LayerWeights:
    return layer_weights(wrap(tiny_model(family), tiny_tokenizer(), family), layer)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_part_is_measured_as_numpy_measures_it(family: str) -> None:
    model = tiny_model(family)
    found = layer_weights(wrap(model, tiny_tokenizer(), family), 1)
    held = output_projection(model, family, 1).weight.detach().numpy().astype(np.float64)
    part = next(part for part in found.parts if part.part == "mlp_out")
    assert part.mean == pytest.approx(held.mean(), abs=1e-7)
    assert part.std == pytest.approx(held.std(), rel=1e-5)
    assert (part.minimum, part.maximum) == (pytest.approx(held.min()), pytest.approx(held.max()))
    assert part.norm == pytest.approx(np.linalg.norm(held), rel=1e-5)
    counts, _ = np.histogram(held, bins=len(part.counts), range=(part.low, part.high))
    assert sum(part.counts) + part.beyond == held.size == part.rows * part.columns
    assert np.abs(counts - np.array(part.counts)).sum() <= 4, "rounding may move a weight over an edge, no more"
    neurons = 128 if family == "gpt2" else 48
    assert found.neurons == neurons
    assert not found.note
    assert {"mlp_out", "attn_out"} <= {one.part for one in found.parts}
    assert (found.dead, found.duplicates) == ([], []), "random weights have neither"


@pytest.mark.parametrize("family", ["llama", "phi3", "gpt2", "opt", "gemma2"])
def test_planted_neurons_are_found_and_no_others(family: str) -> None:
    model = tiny_model(family)
    loaded = wrap(model, tiny_tokenizer(), family)
    block = loaded.anatomy.blocks[2]
    out = output_projection(model, family, 2).weight
    inputs = {name: getattr(block, name) for name in ("mlp_in", "gate", "up", "gate_up")}
    with torch.no_grad():
        columns = out if family == "gpt2" else out.T  # neuron by neuron
        columns[5] = 0
        columns[7] = 2 * columns[11]
        for name, module in inputs.items():
            if module is None:
                continue
            rows = module.weight.T if family == "gpt2" else module.weight
            for half in (0, 48) if name == "gate_up" else (0,):
                rows[half + 7] = 3 * rows[half + 11]
            if name in ("mlp_in", "gate", "gate_up"):
                rows[20] = 0
    found = layer_weights(loaded, 2)
    assert found.dead[0].reason == "its output column is zero"
    assert [one.neuron for one in found.dead] == [5, 20]
    assert found.dead[1].reason.endswith("row is zero")
    assert [(pair.first, pair.second) for pair in found.duplicates] == [(7, 11)]
    assert min(found.duplicates[0].cosine_in, found.duplicates[0].cosine_out) == pytest.approx(1, abs=1e-5)
    assert (found.dead_count, found.duplicate_count) == (2, 1)


def test_the_sketch_misses_no_pair_that_comparing_all_in_full_finds() -> None:
    generator = torch.Generator().manual_seed(3)
    inputs, outputs = (torch.randn(700, 512, generator=generator) for _ in range(2))
    for first, second, noise in ((3, 650, 0.0), (10, 11, 0.08), (20, 600, 0.12), (30, 31, 0.2), (40, 41, 0.5)):
        for rows in (inputs, outputs):
            step = torch.randn(512, generator=generator)
            rows[second] = rows[first] + noise * step / step.norm() * rows[first].norm()
    units = [torch.nn.functional.normalize(rows.double(), dim=1) for rows in (inputs, outputs)]
    cosines = torch.stack([rows @ rows.T for rows in units]).min(dim=0).values
    wanted = [(int(a), int(b)) for a, b in torch.nonzero(torch.triu(cosines >= COSINE, diagonal=1))]
    found = duplicates([inputs], outputs)
    assert [(pair.first, pair.second) for pair in found] == wanted
    assert {(3, 650), (10, 11), (20, 600)} <= set(wanted), "the bound lies among the planted pairs"
    assert (40, 41) not in wanted


def test_a_neuron_whose_inputs_agree_but_that_writes_elsewhere_is_no_duplicate() -> None:
    rows = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    twins = rows.clone()
    twins[1] = twins[0]
    assert duplicates([twins], rows) == []
    assert [(p.first, p.second) for p in duplicates([twins], twins)] == [(0, 1)]
    opposite = twins.clone()
    opposite[1] = -opposite[0]
    assert duplicates([twins], opposite) == []


def test_small_is_not_dead() -> None:
    rows = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    rows[2] *= 1e-3
    assert dead({"input": rows}, rows, 1e-7) == []
    rows[2] = 0
    assert [one.neuron for one in dead({"input": rows}, torch.ones(8, 4), 1e-7)] == [2]


def test_measuring_can_be_stopped_within_a_layer() -> None:
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        layer_weights(wrap(tiny_model("llama"), tiny_tokenizer(), "llama"), 0, check)


def test_weights_of_four_bits_are_brought_back_to_numbers() -> None:
    functional = pytest.importorskip("bitsandbytes").functional
    from bitsandbytes.nn import Linear4bit, Params4bit

    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4, vocab_size=97)
    )
    plain = model.model.layers[0].mlp.down_proj
    held = plain.weight.detach().clone()
    packed = Linear4bit(128, 64, bias=False, compute_dtype=torch.float32, quant_type="nf4")
    packed.weight = Params4bit(held, requires_grad=False, quant_type="nf4")
    model.model.layers[0].mlp.down_proj = packed.to("cpu")
    keep_as_stored(model)
    assert packed.weight.dtype == torch.uint8, "quantized by moving it"
    found = layer_weights(wrap(model, tiny_tokenizer(), "llama"), 0)
    wanted = functional.dequantize_4bit(packed.weight.data, packed.weight.quant_state)
    part = next(one for one in found.parts if one.part == "mlp_out")
    assert (part.rows, part.columns) == (64, 128)
    assert part.norm == pytest.approx(float(wanted.norm()), rel=1e-5)
    assert part.norm == pytest.approx(float(held.norm()), rel=0.02)
    assert (found.neurons, found.dead, found.duplicates) == (128, [], [])
