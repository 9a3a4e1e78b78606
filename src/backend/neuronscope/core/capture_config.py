"""How a capture keeps what its points held: what of a trace configuration makes sense of one pass over a prompt, kept whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any, Literal

from neuronscope.core.errors import BadRequest
from neuronscope.core.spec import CaptureSpec
from neuronscope.core.trace_config import AttentionTier, Quantization, TraceConfig

ATTENTION = "attn_weights"
_LESS = "Leave it out; to keep less, ask for fewer points or layers, or for quantization f16 or q8."
_AS_A_RUN = "Leave it out; a run of max_new_tokens 1 with this config records the prompt in that way, as its step 0."
REFUSED = {
    "max_bytes_per_step": ("what is asked for is kept, however much it is", _LESS),
    "drop_policy": ("nothing of it is ever dropped", _LESS),
    "topk": ("every value is kept", _AS_A_RUN),
    "sample_stride": ("every value is kept", _AS_A_RUN),
    "tile": ("it keeps values, not images", _AS_A_RUN),
    "tile_size": ("it keeps values, not images", _AS_A_RUN),
    "tile_reference": ("it keeps values, not images", _AS_A_RUN),
}
"""What of a trace configuration a capture does not take: why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class CaptureConfig:
    """``points`` and ``layers`` as :class:`~neuronscope.core.spec.CaptureSpec`; ``quantization`` is that of the values.

    ``attention_tier`` is how ``attn_weights`` among the points are kept: the whole matrix, or of the last token each head's
    row or a summary of it. ``logits_topk`` likeliest next tokens are told. Raises :class:`BadRequest` for what is out of
    range.
    """

    capture_mode: Literal["full"] = "full"
    quantization: Quantization = "f32"
    attention_tier: AttentionTier = "full_matrix"
    logits_topk: int = 20
    points: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_fields({"capture_mode": self.capture_mode})
        # The same bounds in the same sentences as a run's.
        TraceConfig(**{field.name: getattr(self, field.name) for field in fields(self)})
        named = [name.partition(".")[0] for name in self.points or ()]
        if self.attention_tier != "full_matrix" and ATTENTION not in named:
            raise BadRequest(
                f"attention_tier {self.attention_tier} says how {ATTENTION} is kept, which is not among the points.",
                f"Add {ATTENTION} to the points, or leave attention_tier out.",
            )

    @classmethod
    def of(
        cls,
        given: CaptureConfig | Mapping[str, Any] | None = None,
        points: Sequence[str] | None = None,
        layers: Sequence[int] | None = None,
    ) -> CaptureConfig:
        """A configuration from a mapping, with points and layers beside it or in it; :class:`BadRequest` if it is wrong."""
        if isinstance(given, CaptureConfig):
            given = {field.name: getattr(given, field.name) for field in fields(given)}
        elif not isinstance(given, Mapping | None):
            raise BadRequest(
                f"A capture's config can't be a {type(given).__name__}.",
                'Give a mapping, such as {"quantization": "f16"}.',
            )
        values: dict[str, Any] = dict(given or {})
        check_fields(values)
        for name, beside in (("points", points), ("layers", layers)):
            if beside is not None and values.get(name) is not None:
                raise BadRequest(f"The {name} are given twice, in the config and beside it.", "Give them in one place.")
            values[name] = _listed(values.get(name) if beside is None else beside)
        return cls(**values)

    @property
    def spec(self) -> CaptureSpec:
        """The points and layers, to be resolved against a model."""
        return CaptureSpec(self.points, self.layers)


def check_fields(given: Mapping[str, Any]) -> None:
    """Raises :class:`BadRequest` for a field that a capture does not take, with why and what to do instead."""
    known = [field.name for field in fields(CaptureConfig)]
    for name in given:
        if name in REFUSED:
            why, instead = REFUSED[name]
            raise BadRequest(f"A capture takes no {name}: {why}.", instead)
        if name not in known:
            raise BadRequest(f"A capture's config has no '{str(name)[:60]}'.", "It has " + ", ".join(known) + ".")
    mode = given.get("capture_mode", "full")
    if mode != "full":
        raise BadRequest(f"A capture can't be made in mode '{str(mode)[:60]}': it keeps whole tensors.", _AS_A_RUN)


def _listed(values: object) -> object:
    if isinstance(values, str):
        raise BadRequest(f"'{values[:60]}' is one text.", f"Give a list: [{values[:60]!r}].")
    if not isinstance(values, Iterable):
        return values
    # NumPy's integers are none of Python's.
    return tuple(int(one) if isinstance(one, Integral) and not isinstance(one, bool) else one for one in values)
