"""Forward passes with taps: one over a batch, and one over a prompt into a trace."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.reduce import tensor_stats
from neuronscope.capture.taps import read_taps
from neuronscope.core.address import Address
from neuronscope.core.events import Done, Entry, Start, Step
from neuronscope.core.ids import new_id
from neuronscope.core.spec import CaptureSpec
from neuronscope.models.loaded import Encoded, LoadedModel
from neuronscope.traces.store import Trace
from neuronscope.traces.writer import TraceWriter

LOGITS = Address("logits")
TOP_NEXT = 20


@torch.no_grad()
def run_batch(
    loaded: LoadedModel, input_ids: Tensor, attention_mask: Tensor, addresses: Iterable[Address]
) -> dict[Address, Tensor]:
    """Tensors ``[batch, position, …]`` of one forward pass over right-padded ids ``[batch, position]``.

    They stay on the model's device in its dtype and are the model's own, not copies. The head runs only where logits
    are asked for. Values at padded positions mean nothing.
    """
    wanted = list(addresses)
    found: dict[Address, Tensor] = {}
    body = loaded.model if LOGITS in wanted else loaded.model.base_model
    shape = (int(input_ids.shape[0]), int(input_ids.shape[1]))
    device = loaded.device
    with loaded.lock, read_taps(loaded, wanted, shape, found.__setitem__):
        body(input_ids=input_ids.to(device), attention_mask=attention_mask.to(device), use_cache=False)
    return found


@torch.no_grad()
def run_prompt(
    loaded: LoadedModel, encoded: Encoded, addresses: Iterable[Address]
) -> tuple[dict[Address, NDArray[np.float32]], Tensor]:
    """Float32 copies of the tensors, each with its point's own axes, and the logits ``[vocabulary]`` after the prompt."""
    found: dict[Address, NDArray[np.float32]] = {}

    def keep(address: Address, tensor: Tensor) -> None:
        found[address] = tensor[0].detach().to("cpu", torch.float32, copy=True).numpy()

    ids = torch.tensor([encoded.ids], device=loaded.device)
    with loaded.lock, read_taps(loaded, addresses, (1, len(encoded.ids)), keep):
        output = loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    return found, output.logits[0, -1].float().cpu()


def capture_prompt(
    loaded: LoadedModel, prompt: str, spec: CaptureSpec, folder: Path, trace_id: str | None = None
) -> Trace:
    """Run a prompt once and write what ``spec`` asks for into ``folder/<trace_id>.trace``, in full float32.

    Raises :class:`BadRequest` or :class:`TooLarge` for the prompt, :class:`BadAddress` or :class:`PointUnavailable`
    for the spec, :class:`StorageFull` where the disk is; then nothing is left behind.
    """
    encoded = loaded.encode(prompt)
    addresses, unavailable = spec.split(loaded.anatomy.layer_count, loaded.anatomy.refused)
    tensors, logits = run_prompt(loaded, encoded, addresses)
    identity = trace_id or new_id("t")
    special = np.array([token.special for token in encoded.tokens])
    entries = tuple(
        Entry(str(a), tensors[a].shape, tensor_stats(_plain(a, tensors[a], special)), {"kind": "full"})
        for a in addresses
    )
    start = Start(
        trace_id=identity,
        model_id=loaded.model_id,
        revision=loaded.revision,
        model_key=loaded.key,
        config={"capture_mode": "full", "dtype": loaded.dtype, "layer_count": loaded.anatomy.layer_count},
        tokens=encoded.tokens,
        points=tuple(str(a) for a in addresses),
        unavailable=unavailable,
    )
    step = Step("prefill", 0, 0, len(encoded.ids), encoded.tokens, entries, top=_top_next(loaded, logits))
    with TraceWriter(folder / f"{identity}.trace", start, prompt=prompt) as writer:
        writer.write(step, {str(a): tensors[a] for a in addresses})
        writer.finish(Done("length"))
    return Trace.open(folder / f"{identity}.trace")


def _plain(address: Address, values: NDArray[np.float32], special: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values without those of special tokens, which would drown the rest; all of them where there are no others."""
    if address.row.axes[0] != "p" or special.all():
        return values
    return values[~special]


def _top_next(loaded: LoadedModel, logits: Tensor) -> tuple[dict[str, object], ...]:
    chosen = torch.log_softmax(logits, dim=-1).topk(min(TOP_NEXT, logits.shape[-1]))
    return tuple(
        {"id": int(i), "text": loaded.token_text(int(i)), "logprob": float(p)}
        for p, i in zip(chosen.values, chosen.indices, strict=True)
    )
