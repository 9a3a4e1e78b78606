"""Forward passes with taps: one over a batch, and one over a prompt into a trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.prompt_entries import entry_of
from neuronscope.capture.reduce import tensor_stats
from neuronscope.capture.taps import read_taps
from neuronscope.core.address import Address
from neuronscope.core.capture_config import CaptureConfig
from neuronscope.core.events import Done, Start, Step
from neuronscope.core.ids import new_id
from neuronscope.models.loaded import Encoded, LoadedModel
from neuronscope.traces.store import Trace
from neuronscope.traces.writer import TraceWriter

LOGITS = Address("logits")


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
    loaded: LoadedModel, prompt: str, config: CaptureConfig, folder: Path, trace_id: str | None = None
) -> Trace:
    """Run a prompt once and write what ``config`` asks for into ``folder/<trace_id>.trace``.

    Raises :class:`BadRequest` or :class:`TooLarge` for the prompt, :class:`BadAddress` or :class:`PointUnavailable`
    for the points, :class:`StorageFull` where the disk is; then nothing is left behind.
    """
    encoded = loaded.encode(prompt)
    addresses, unavailable = config.spec.split(loaded.anatomy.layer_count, loaded.anatomy.refused)
    tensors, logits = run_prompt(loaded, encoded, addresses)
    identity = trace_id or new_id("t")
    special = np.array([token.special for token in encoded.tokens])
    entries, whole = [], dict[str, NDArray[np.float32]]()
    for address in addresses:
        # Let go of one by one: encoded, they lie in memory a second time.
        values = tensors.pop(address)
        entry, kept = entry_of(address, values, tensor_stats(_plain(address, values, special)), config)
        entries.append(entry)
        if kept is not None:
            whole[entry.address] = kept
    start = Start(
        trace_id=identity,
        model_id=loaded.model_id,
        revision=loaded.revision,
        model_key=loaded.key,
        config={**asdict(config), "dtype": loaded.dtype, "layer_count": loaded.anatomy.layer_count},
        tokens=encoded.tokens,
        points=tuple(str(a) for a in addresses),
        unavailable=unavailable,
    )
    top = _top_next(loaded, logits, config.logits_topk)
    step = Step("prefill", 0, 0, len(encoded.ids), encoded.tokens, tuple(entries), top=top)
    with TraceWriter(folder / f"{identity}.trace", start, prompt=prompt) as writer:
        writer.write(step, whole)
        writer.finish(Done("length"))
    return Trace.open(folder / f"{identity}.trace")


def _plain(address: Address, values: NDArray[np.float32], special: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values without those of special tokens, which would drown the rest; all of them where there are no others."""
    if address.row.axes[0] != "p" or special.all():
        return values
    return values[~special]


def _top_next(loaded: LoadedModel, logits: Tensor, count: int) -> tuple[dict[str, object], ...]:
    chosen = torch.log_softmax(logits, dim=-1).topk(min(count, logits.shape[-1]))
    return tuple(
        {"id": int(i), "text": loaded.token_text(int(i)), "logprob": float(p)}
        for p, i in zip(chosen.values, chosen.indices, strict=True)
    )
