"""Parameters counted by part, each once, packed ones by what they stand for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.models.anatomy import Anatomy
from neuronscope.models.inspection.kinds import mixer_word
from neuronscope.models.inspection.structure import is_norm


@dataclass(frozen=True, slots=True)
class PartCount:
    part: str
    parameters: int


def count(parameter: Tensor) -> int:
    """Weights of a parameter; 4-bit ones are packed two to a byte, and know the shape that they had."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else int(torch.Size(state.shape).numel())


def count_parts(model: PreTrainedModel, anatomy: Anatomy) -> list[PartCount]:
    """Every parameter counted once, under the part that it belongs to; what is more specific is named last and wins."""
    part_of: dict[int, str] = {}

    def name(module: nn.Module | None, part: str, recurse: bool = True) -> None:
        part_of.update((id(p), part) for p in (module.parameters(recurse=recurse) if module is not None else ()))

    for block in anatomy.blocks:
        name(block.module, "other parts of blocks")
        for module in block.module.modules():
            if mixer_word(module) is not None:
                name(module, mixer_word(module) or "")
        name(block.attention, mixer_word(block.attention) or "attention" if block.attention is not None else "")
        if block.mlp is not None and block.mlp is not block.mlp_in:
            name(block.mlp, "router and gates" if block.experts else "mlp")
        if block.experts and block.mlp is not None:
            for path, module in block.mlp.named_modules():
                if path and "expert" in path.rpartition(".")[2] and "gate" not in path.rpartition(".")[2]:
                    name(module, "shared experts" if "shared" in path else "experts")
        name(block.mlp_in, "mlp")
        name(block.mlp_out, "mlp")
    name(model.get_output_embeddings(), "head")
    for module in model.modules():
        if is_norm(module):
            name(module, "norms", recurse=False)
        elif isinstance(module, nn.Embedding):
            name(module, "embeddings", recurse=False)
    counts: Counter[str] = Counter()
    for parameter in model.parameters():
        counts[part_of.get(id(parameter), "others")] += count(parameter)
    return [PartCount(part, total) for part, total in counts.most_common()]
