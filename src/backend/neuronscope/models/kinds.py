"""What a layer is, in a word or two: which part mixes positions, and which part works on each position alone."""

from __future__ import annotations

from torch import nn

from neuronscope.models.structure import Block

MIXERS = {
    "mamba": "state space",
    "deltanet": "linear attention",
    "deltaattention": "linear attention",
    "linearattention": "linear attention",
    "lightning": "linear attention",
    "lrublock": "recurrence",
    "recurrent": "recurrence",
    "mlstm": "recurrence",
    "rwkv": "recurrence",
    "shortconv": "short convolution",
}
"""Words in the class of a module that mixes positions without attention, and what such a mixer is called."""


def mixer_word(module: nn.Module) -> str | None:
    """What a mixer other than attention is called, by its class; ``None`` for a class that the table does not know."""
    name = type(module).__name__.lower()
    return next((word for part, word in MIXERS.items() if part in name), None)


def layer_kind(block: Block, attends: bool) -> str:
    """Such as ``attention + MLP``, ``attention + experts``, ``state space``; ``attends`` where attention was seen at work."""
    words = ["attention"] if attends else []
    words += dict.fromkeys(word for module in block.module.modules() if (word := mixer_word(module)) is not None)
    if block.experts:
        words.append("experts")
    elif block.mlp_out is not None:
        words.append("MLP")
    return " + ".join(words) or "unknown"
