"""How much of a live run is kept: which points, in what form, in how many bytes a step, and what goes first when it is too much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest
from neuronscope.core.ids import is_id
from neuronscope.core.points import POINTS

CaptureMode = Literal["stats", "sampled", "topk", "full", "tile"]
TileSource = Literal["order", "random", "pca"]
Quantization = Literal["f32", "f16", "q8"]
DropPolicy = Literal["drop_payload_keep_stats", "drop_layer", "stop_trace"]
AttentionTier = Literal["summary", "full_row", "full_matrix"]

LIVE_POINTS = ("embed", "resid_pre", "attn_out", "resid_mid", "mlp_act", "mlp_out", "resid_post", "ln_f")
"""The default map of a live run; attention and the likeliest tokens come with it."""
DROP_ORDER = ("mlp_out", "attn_out", "resid_mid", "embed", "ln_f", "resid_pre", "mlp_act", "resid_post")
"""Which payloads go first over budget. Points that are not named here go before these, attention after them."""
PREFILL_PAYLOAD_POINTS = ("resid_post",)
"""Of the default map, what keeps more than statistics of the prompt."""
NARROW, NARROW_TOPK, WIDE_TOPK = 384, 64, 128
LEAST_BYTES, BYTES_PER_LAYER = 50_000, 4_000
MOST_BYTES = 1 << 30
TILE_SIZE, PCA_TILE_SIZE = (32, 32), (16, 16)
"""Height and width. An index keeps a sample of 512 tokens, in which there are no 1024 components to find."""
MOST_TILE_SIDE = 256


@dataclass(frozen=True, slots=True)
class TraceConfig:
    """CONTRACTS' trace configuration. ``None`` means what the model decides: see :meth:`resolve`.

    ``points`` are point names or addresses, ``layers`` restrict the bare names. ``sample_stride`` keeps every n-th unit,
    ``topk`` the n strongest by |x|. ``quantization`` is that of payload values; statistics and attention summaries
    are float32. ``max_bytes_per_step`` counts payloads and statistics before compression.

    Mode ``tile`` keeps an image of the last position at each point: its units in ``order``, or projected by drawn signs
    (``random``) or onto the principal components of what index ``tile_reference`` sampled (``pca``). ``tile_size`` is
    height and width.
    """

    capture_mode: CaptureMode = "topk"
    sample_stride: int = 8
    topk: int | None = None
    quantization: Quantization = "f16"
    max_bytes_per_step: int | None = None
    drop_policy: DropPolicy = "drop_payload_keep_stats"
    attention_tier: AttentionTier = "summary"
    points: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None
    logits_topk: int = 20
    tile: TileSource = "order"
    tile_size: tuple[int, int] | None = None
    tile_reference: str | None = None

    def __post_init__(self) -> None:
        _one_of("capture_mode", self.capture_mode, get_args(CaptureMode))
        _one_of("quantization", self.quantization, get_args(Quantization))
        _one_of("drop_policy", self.drop_policy, get_args(DropPolicy))
        _one_of("attention_tier", self.attention_tier, get_args(AttentionTier))
        _one_of("tile", self.tile, get_args(TileSource))
        _between("sample_stride", self.sample_stride, 1, 1 << 20)
        _between("logits_topk", self.logits_topk, 0, 1000)
        if self.topk is not None:
            _between("topk", self.topk, 1, 1 << 20)
        if self.max_bytes_per_step is not None:
            _between("max_bytes_per_step", self.max_bytes_per_step, 1, MOST_BYTES)
        _names("points", self.points, str, "such as mlp_act or resid_post.3")
        _names("layers", self.layers, int, "such as 0 or 11")
        for name in self.points or ():
            if name not in POINTS:
                Address.parse(name)
        _names("tile_size", self.tile_size, int, "a side in cells: height, then width")
        for side in self.tile_size or ():
            _between("tile_size", side, 1, MOST_TILE_SIDE)
        if self.tile_size is not None and len(self.tile_size) != 2:
            raise BadRequest(f"tile_size has {len(self.tile_size)} numbers.", "It has two: height and width, in cells.")
        self._check_reference()

    def _check_reference(self) -> None:
        reference = self.tile_reference
        if reference is not None and (not isinstance(reference, str) or not is_id(reference, "x")):
            raise BadRequest(
                f"'{str(reference)[:60]}' is not the id of an index.", "tile_reference is one, such as x_01jc…."
            )
        if self.tile == "pca" and reference is None:
            raise BadRequest("A tile by PCA needs a tile_reference.", "Its components come from an index; name its id.")
        if self.tile != "pca" and reference is not None:
            raise BadRequest(f"A tile by {self.tile} takes no tile_reference.", "Leave it out, or say tile: pca.")

    @classmethod
    def of(cls, given: TraceConfig | Mapping[str, Any] | None) -> TraceConfig:
        """A configuration from a mapping, as it comes from a command line or a client; :class:`BadRequest` if it is wrong."""
        if given is None:
            return cls()
        if isinstance(given, TraceConfig):
            return given
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise BadRequest(
                f"A trace configuration has no '{str(unknown[0])[:60]}'.", "It has " + ", ".join(known) + "."
            )
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        return cls(**values)

    def resolve(self, layer_count: int, d_model: int) -> Resolved:
        """The same with everything decided: ``topk`` 64 in models of at most 384 dimensions, else 128; bytes by layers.

        Left out, the budget is 50,000 bytes or 4,000 a layer, whichever is more; in the modes ``full`` and ``tile`` it is
        :data:`MOST_BYTES`, since a budget made for the strongest units would drop nearly all that was asked for.
        Tiles are 32 × 32, by PCA 16 × 16.
        """
        bytes_per_step = self.max_bytes_per_step
        if bytes_per_step is None:
            bytes_per_step = MOST_BYTES if self.capture_mode in ("full", "tile") else budget(layer_count)
        topk = self.topk if self.topk is not None else (NARROW_TOPK if d_model <= NARROW else WIDE_TOPK)
        tile_size = self.tile_size or (PCA_TILE_SIZE if self.tile == "pca" else TILE_SIZE)
        return Resolved(self, topk, bytes_per_step, tile_size)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration for one model: what was left to it is decided."""

    config: TraceConfig
    topk: int
    max_bytes_per_step: int
    tile_size: tuple[int, int]

    def keeps_prompt_payload(self, point: str) -> bool:
        """Whether a point's payload is kept in prefill: all that were asked for by name, of the default map the last one.

        In mode ``full`` and for tiles, which are of one position, it is all.
        """
        whole = self.config.capture_mode in ("full", "tile")
        return whole or self.config.points is not None or point in PREFILL_PAYLOAD_POINTS

    def to_map(self) -> dict[str, Any]:
        """As it stands in the start event."""
        given = asdict(self.config)
        decided = {"topk": self.topk, "max_bytes_per_step": self.max_bytes_per_step, "tile_size": self.tile_size}
        return {**given, **decided}


def budget(layer_count: int) -> int:
    """Bytes a step where none are given."""
    return max(LEAST_BYTES, BYTES_PER_LAYER * layer_count)


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadRequest(f"{name} can't be '{str(value)[:60]}'.", "It is one of " + ", ".join(allowed) + ".")


def _between(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadRequest(f"{name} can't be {str(value)[:60]}.", f"It is a whole number from {low} to {high}.")


def _names(name: str, values: object, kind: type, example: str) -> None:
    if values is None:
        return
    whole = isinstance(values, tuple) and all(isinstance(v, kind) and not isinstance(v, bool) for v in values)
    if not whole or not values:
        raise BadRequest(
            f"{name} must be a list that is not empty.", f"Each is {example}; leave it out for the defaults."
        )
