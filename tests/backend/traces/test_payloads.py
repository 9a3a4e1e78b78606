from __future__ import annotations

import numpy as np
import pytest

from neuronscope.core.errors import Damaged
from neuronscope.traces.payloads import (
    F16_ABSOLUTE,
    F16_RELATIVE,
    Q8_BOUND,
    decode,
    decode_values,
    encode_many,
    encode_values,
)

RANDOM = np.random.default_rng(0)


def _spread(shape: tuple[int, ...]) -> np.ndarray:
    """Values over twenty powers of ten, both signs."""
    return (RANDOM.standard_normal(shape) * 10.0 ** RANDOM.uniform(-16, 4, shape)).astype(np.float32)


def test_float32_is_exact() -> None:
    values = _spread((7, 33))
    assert np.array_equal(decode_values(encode_values(values, "f32"), (7, 33)), values)


def test_float16_keeps_to_its_bound() -> None:
    values = np.clip(_spread((100, 100)), -65504, 65504)
    got = decode_values(encode_values(values, "f16"), values.shape)
    assert (np.abs(got - values) <= np.maximum(F16_RELATIVE * np.abs(values), F16_ABSOLUTE)).all()


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_eight_bits_keep_to_their_bound_in_every_row(scale: float) -> None:
    values = (RANDOM.standard_normal((200, 50)) * scale).astype(np.float32)
    values[3] = 0
    got = decode_values(encode_values(values, "q8"), values.shape)
    assert (np.abs(got - values) <= Q8_BOUND * np.abs(values).max(axis=1, keepdims=True)).all()
    assert not got[3].any()


@pytest.mark.parametrize("value", [70000.0, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("quantization", ["f16", "q8"])
def test_what_does_not_fit_makes_its_own_payload_whole_and_no_other(value: float, quantization: str) -> None:
    values = RANDOM.standard_normal((3, 2, 8)).astype(np.float32)
    values[1, 0, 5] = value
    encoded = encode_many(values, quantization)
    kept = quantization if quantization == "q8" and value == 70000.0 else "f32"
    assert [payload["dtype"] for payload in encoded] == [quantization, kept, quantization]
    if kept == "f32":
        assert np.array_equal(decode_values(encoded[1], (2, 8)), values[1], equal_nan=True)


TILE = {
    "kind": "tile", "source": "order", "run": 2, "height": 3, "width": 4, "filled": 5, "positions": [6],
    **encode_values(np.arange(5, dtype=np.float32), "f16"),
}  # fmt: skip


def test_cells_that_hold_nothing_are_no_numbers() -> None:
    found = decode(TILE, (7, 10))
    assert (found["source"], found["run"], found["positions"].tolist()) == ("order", 2, [6])
    assert np.array_equal(found["values"].ravel(), [*range(5), *[np.nan] * 7], equal_nan=True)
    for quantization in ("f32", "f16", "q8"):
        empty = {**TILE, "filled": 0, **encode_values(np.zeros(0, np.float32), quantization)}
        assert np.isnan(decode(empty, (1, 10))["values"]).all()


@pytest.mark.parametrize(
    "payload",
    [
        {"kind": "full", "dtype": "f32", "values": b"123"},
        {"kind": "full", "dtype": "f64", "values": b"\0" * 48},
        {"kind": "full"},
        {
            "kind": "topk_hidden",
            "k": 3,
            "positions": [0],
            "index_dtype": "u16",
            "indices": b"\0",
            "dtype": "f32",
            "values": b"",
        },
        {"kind": "attention_summary", "heads": 2, "top": 8, "index_dtype": "u16", "weights": b""},
        {**TILE, "height": 1 << 20, "width": 1 << 20},
        {**TILE, "height": 0},
        {**TILE, "width": 257},
        {**TILE, "filled": 13},
        {**TILE, "filled": -1},
        {**TILE, "filled": 4},
        {**TILE, "values": b"123"},
        {**TILE, "source": "umap"},
        {**TILE, "source": "random"},
        {**TILE, "run": {"any": "thing"}},
        {"kind": "something else"},
    ],
)
def test_a_payload_that_is_not_what_it_says_is_refused(payload: dict[str, object]) -> None:
    with pytest.raises(Damaged):
        decode(payload, (3, 4))
