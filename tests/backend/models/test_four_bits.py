"""4-bit weights on a CPU against their definition: a table of 16 values, a scale for each block of 64, two to a byte."""

from __future__ import annotations

import platform
from typing import Any

import bitsandbytes
import pytest
import torch
from torch import Tensor

import neuronscope as ns
from neuronscope.models.four_bits import mend, unpacked

SHAPES = [(160, 160), (448, 160), (160, 448), (7, 18), (5, 33), (33, 6), (64, 64), (96, 64)]


def layer(shape: tuple[int, int], dtype: torch.dtype = torch.float32, nested: bool = False) -> Any:
    """A 4-bit layer as bitsandbytes makes it, from weights drawn with a seed."""
    torch.manual_seed(0)
    made = bitsandbytes.nn.Linear4bit(
        shape[1], shape[0], bias=True, compute_dtype=dtype, quant_type="nf4", compress_statistics=nested
    )
    made.weight = bitsandbytes.nn.Params4bit(
        torch.randn(shape).to(dtype), requires_grad=False, quant_type="nf4", compress_statistics=nested
    )
    made = made.to("cpu").eval()
    made.support_avx512bf16_for_cpu = False
    return made


def by_definition(weight: Any) -> Tensor:
    """The same by the definition of NF4, in float32."""
    state = weight.quant_state
    packed = weight.data.flatten().to(torch.int64)
    places = torch.stack([packed >> 4, packed & 15], dim=1).flatten()[: state.shape.numel()]
    scales = state.absmax.repeat_interleave(state.blocksize)[: len(places)]
    return (state.code[places] * scales).view(state.shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_are_unpacked_by_their_definition(shape: tuple[int, int], dtype: torch.dtype) -> None:
    weight = layer(shape, dtype).weight
    expected = by_definition(weight)
    assert torch.equal(unpacked(weight), expected.to(dtype))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mended_layer_multiplies_with_those(shape: tuple[int, int]) -> None:
    made = layer(shape)
    mend(torch.nn.Sequential(made))  # type: ignore[arg-type]  # any tree of modules will do
    x = torch.randn(3, shape[1])
    expected = torch.nn.functional.linear(x, by_definition(made.weight), made.bias)
    assert torch.allclose(made(x), expected, rtol=0, atol=1e-5 * float(expected.detach().abs().max()))
    assert isinstance(made, bitsandbytes.nn.Linear4bit)
    assert type(made).__name__ == "Linear4bit"
    wrong = shape[1] % 64 != 0
    assert (type(made) is not bitsandbytes.nn.Linear4bit) == wrong


def test_scales_that_are_quantized_themselves_are_unpacked_first() -> None:
    made = layer((32, 160), nested=True)
    plain = layer((32, 160))
    error = (unpacked(made.weight) - unpacked(plain.weight)).norm() / unpacked(plain.weight).norm()
    assert 0 < float(error) < 0.02


def test_the_bundled_model_in_four_bits_is_off_by_what_four_bits_cost() -> None:
    full = ns.load(dtype="float32", quantization="none").loaded.model
    four = ns.load(quantization="nf4").loaded
    for name, module in four.model.named_modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            weight = full.get_submodule(name).weight
            x = torch.randn(5, weight.shape[1])
            error = (module(x) - x @ weight.T).detach().norm() / (x @ weight.T).norm()
            assert float(error) < 0.15, name
    assert four.parity is not None
    assert four.parity.holds


@pytest.mark.skipif(
    not bitsandbytes.__version__.startswith("0.50.") or platform.machine() != "x86_64",
    reason="only of this version and machine is it known that the correction is needed",
)
def test_the_correction_is_still_needed() -> None:
    made = layer((160, 160))
    x = torch.eye(160)
    error = (made(x) - made.bias).T - by_definition(made.weight)
    assert float(error.abs().max()) > 0.1, "bitsandbytes unpacks such rows rightly now: models/four_bits.py can go"
