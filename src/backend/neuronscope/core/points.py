"""The table of hook points: one row each. A new point is a new row here, and where inspection needs it, a branch in anatomy."""

from __future__ import annotations

from dataclasses import dataclass

AXES = {
    "p": "position",
    "d": "model width",
    "m": "MLP width",
    "h": "heads",
    "g": "key-value heads",
    "e": "head width",
    "k": "key position",
    "v": "vocabulary",
    "x": "experts",
}


@dataclass(frozen=True, slots=True)
class Point:
    """A kind of tensor in a forward pass. ``axes`` are letters of :data:`AXES`, ``layered`` says whether each block has one."""

    name: str
    axes: tuple[str, ...]
    layered: bool
    doc: str

    @property
    def has_units(self) -> bool:
        """Whether its tensor is ``[position, unit]``, so that single coordinates can be named."""
        return len(self.axes) == 2 and self.axes[0] == "p"


def _row(name: str, axes: str, layered: bool, doc: str) -> tuple[str, Point]:
    return name, Point(name, tuple(axes.split()), layered, doc)


POINTS: dict[str, Point] = dict(
    (
        _row("embed", "p d", False, "what enters block 0"),
        _row("resid_pre", "p d", True, "input of the block"),
        _row("ln1", "p d", True, "output of the norm before attention"),
        _row("q", "p h e", True, "queries as projected, before any query norm and rotary embedding"),
        _row("k", "p g e", True, "keys as projected, before any key norm and rotary embedding"),
        _row("v", "p g e", True, "values as projected"),
        _row("attn_weights", "h p k", True, "softmax attention"),
        _row("head_norm", "p h", True, "L2 norm of what each head hands to attention's output projection"),
        _row("attn_out", "p d", True, "output of attention's output projection"),
        _row("attn_add", "p d", True, "what attention adds to the stream, after any post-norm or multiplier"),
        _row("resid_mid", "p d", True, "the stream after attention"),
        _row("ln2", "p d", True, "output of the norm before the MLP"),
        _row("mlp_pre", "p m", True, "MLP before its activation, in MLPs without a gate"),
        _row("mlp_gate", "p m", True, "gate before its activation, in gated MLPs"),
        _row("mlp_up", "p m", True, "up projection, in gated MLPs"),
        _row("mlp_act", "p m", True, "the neurons: input of the MLP's output projection"),
        _row("mlp_out", "p d", True, "output of the MLP's output projection"),
        _row("mlp_add", "p d", True, "what the MLP adds to the stream, after any post-norm or multiplier"),
        _row("router", "p x", True, "expert probabilities, in mixture-of-experts layers"),
        _row("resid_post", "p d", True, "output of the block, before any final norm"),
        _row("ln_f", "p d", False, "after the final norm"),
        _row("logits", "p v", False, "scores over the vocabulary"),
    )
)

NEURONS = "mlp_act"
"""The point that is meant where nobody names one."""
DEFAULT_CAPTURE_POINTS = ("mlp_act", "resid_post")
