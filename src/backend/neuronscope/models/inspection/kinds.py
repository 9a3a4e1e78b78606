"""What a layer is, in a word or two: which part mixes positions, and which part works on each position alone."""

from __future__ import annotations

from torch import nn

from neuronscope.models.inspection.structure import Block

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
    "bambamixer": "state space",
    "falconh1mixer": "state space",
    "xlstmlayer": "recurrence",
}
"""Words in the class of a module that mixes positions without attention, and what such a mixer is called."""


NO_MIXER = ("norm", "mlp", "feedforward", "decoderlayer", "block", "cache", "model")
"""Parts of class names that bear a family's name without mixing positions themselves."""


def mixer_word(module: nn.Module) -> str | None:
    """What a mixer other than attention is called, by its class; ``None`` for a class that the table does not know."""
    name = type(module).__name__.lower()
    if any(part in name for part in NO_MIXER) and "lrublock" not in name and "recurrentblock" not in name:
        return None
    return next((word for part, word in MIXERS.items() if part in name), None)


def layer_kind(block: Block) -> str:
    """Such as ``attention + MLP``, ``attention + experts``, ``state space``, from what was seen at work."""
    words = ["attention"] if block.attention is not None else []
    if block.mixer is not None:
        words.append(mixer_word(block.mixer) or type(block.mixer).__name__)
    if block.experts:
        words.append("experts")
    elif block.mlp_out is not None:
        words.append("MLP")
    return " + ".join(words) or type(block.module).__name__
