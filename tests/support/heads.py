"""Whether each head of queries, keys and values is the one that it is said to be: changed, and looked for in the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from neuronscope.core.address import Address
from neuronscope.models.loaded import LoadedModel
from support.comparing import PADDED, Truth, served

LOOKING = "looking_on"
_looking: list[Callable[..., None]] = []


def _look(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> Any:
    _looking[0](module, query, key, value)
    return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)


AttentionInterface.register(LOOKING, _look)
AttentionMaskInterface.register(LOOKING, sdpa_mask)


def _kernel_inputs(loaded: LoadedModel, layer: int, ids: Tensor, mask: Tensor) -> list[Tensor]:
    """Queries, keys and values ``[b, h, p, e]`` that a layer hands to the kernel, by an attention function of the test."""
    inside = set(loaded.anatomy.blocks[layer].module.modules())
    caught: list[list[Tensor]] = []
    _looking[:] = [lambda m, *tensors: caught.append([t.clone() for t in tensors]) if m in inside else None]
    configs = {id(c): c for m in loaded.model.modules() if (c := getattr(m, "config", None)) is not None}.values()
    switched = [c for c in configs if getattr(c, "_attn_implementation", None) == "sdpa"]
    for config in switched:
        config._attn_implementation_internal = LOOKING
    try:
        loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)
    finally:
        for config in switched:
            config._attn_implementation_internal = "sdpa"
    return caught[0] if len(caught) == 1 else []


def check_heads(truth: Truth, loaded: LoadedModel, eager: PreTrainedModel, ids: Tensor, mask: Tensor) -> None:
    """Changing the outputs that a head is said to have changes that head, and no other, of what reaches the kernel.

    Where the kernel is not called through transformers' interface, it is the rows of eager attention that must change.
    """
    names = {module: name for name, module in loaded.model.named_modules()}
    for place, point in enumerate(("q", "k", "v")):
        layers = served(loaded, point)
        if not layers:
            continue
        layer = layers[-1]
        site = loaded.anatomy.sites[Address(point, layer)]
        module = site.module

        def reached(layer: int = layer, place: int = place) -> Tensor | None:
            caught = _kernel_inputs(loaded, layer, ids, mask)
            return functional.normalize(caught[place], dim=-1) if caught else None

        plain = reached()
        if plain is None and point != "v":
            number = served(loaded, "attn_weights").index(layer)
            module = eager.get_submodule(names[module])

            def reached(number: int = number) -> Tensor | None:
                rows = eager(input_ids=ids, attention_mask=mask, use_cache=False, output_attentions=True).attentions
                given = [t for t in rows or () if isinstance(t, Tensor) and t.ndim == 4 and t.shape[-1] == PADDED]
                return given[number] if len(given) > number else None

            plain = reached()
        if plain is None:
            truth.unseen.append(f"heads of {point}")
            continue
        heads = site.take(torch.arange(_width(loaded, site.module, ids, mask))[None, None])[0, 0]
        repeats = plain.shape[1] // len(heads)
        for head, changed in enumerate(heads):

            def turn(_m: nn.Module, _args: Any, out: Tensor, changed: Tensor = changed) -> Tensor:
                out = out.clone()
                out[..., changed] = out[..., changed].flip(-1) - 0.3
                return out

            handle = module.register_forward_hook(turn)
            try:
                other = reached()
            finally:
                handle.remove()
            assert other is not None
            far = (other - plain)[mask.bool().all(1)].abs().amax((0, 2, 3))
            moved = {int(h) for h in (far > 1e-3).nonzero()}
            if moved != set(range(head * repeats, (head + 1) * repeats)):
                truth.wrong.append(f"{point}.{layer}: changing head {head} changes {sorted(moved)}")
        truth.compared[point] = 0.0


def _width(loaded: LoadedModel, module: nn.Module, ids: Tensor, mask: Tensor) -> int:
    caught: list[int] = []
    handle = module.register_forward_hook(lambda _m, _a, out: caught.append(int(out.shape[-1])))
    try:
        loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)
    finally:
        handle.remove()
    return caught[0]
