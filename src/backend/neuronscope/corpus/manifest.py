"""What an index says about itself: ``manifest.json``, written last and checked first."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neuronscope.core.address import Address
from neuronscope.core.errors import BadAddress, BadRequest, Damaged, NotFound
from neuronscope.corpus.files import load_json, save_json
from neuronscope.corpus.grams import LONGEST

FORMAT = "neuronscope-index"
FORMAT_VERSION = 3
FILE = "manifest.json"
EARLIEST = 2
"""The oldest format that is still read: it held one point, named apart from its layers."""
RADIUS = 16
"""Tokens kept on either side of a peak."""
WIDTH = 2 * RADIUS + 1
COLUMNS = ("mean", "std", "min", "max", "firing_rate")
"""Of ``moments.npy``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an index's content depends on beside model and corpus.

    ``window`` is the longest row in tokens (``None``: the model's context, at most 1024), ``batch_tokens`` the size of
    a batch with its padding (``None``: what suits the device). A *shard* is what is sorted by length together and kept
    at once: ``shard`` documents, or fewer that reach ``shard_bytes`` bytes of text. ``sample`` are the tokens whose
    values are kept, ``histogram`` is the share of tokens that histograms are counted over, ``seed`` chooses both.
    """

    window: int | None = None
    batch_tokens: int | None = None
    shard: int = 8192
    shard_bytes: int = 1 << 20
    sample: int = 512
    histogram: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("window", "batch_tokens", "shard", "shard_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadRequest(f"{name} is {value}; it is at least 1.")
        if self.sample < 0 or self.seed < 0:
            raise BadRequest("sample and seed are not negative.")
        if not 0 <= self.histogram <= 1:
            raise BadRequest(f"histogram is {self.histogram}; it is a share, from 0 to 1.")


@dataclass(frozen=True, slots=True)
class Manifest:
    """``units`` holds the units of each of ``addresses`` (``mlp_act.3``); arrays stack them in that order.

    ``documents`` counts empty ones too; ``tokens`` counts those that are not special, ``tokens_run`` all of them.
    ``prefix`` are the tokens put before every window, ``unavailable`` layers left out with the reasons, ``pairs``
    the entries of the inverse by token, ``vocabulary`` one more than the largest token id. ``sampled`` are the tokens
    that histograms were counted over, ``files`` those that the documents came from, ``runs`` counts the runs of 1, 2 …
    tokens within a window that hold no special one.
    """

    model_id: str
    model_key: str
    dtype: str
    corpus: str
    corpus_hash: str
    parts: tuple[str, ...]
    k: int
    addresses: tuple[str, ...]
    units: tuple[int, ...]
    unavailable: dict[str, str]
    window: int
    stride: int
    prefix: tuple[int, ...]
    batch_tokens: int
    shard: int
    shard_bytes: int
    seed: int
    sample: int
    histogram: float
    sampled: int
    files: tuple[str, ...]
    documents: int
    windows: int
    shards: int
    tokens: int
    tokens_run: int
    runs: tuple[int, ...]
    pairs: int
    vocabulary: int
    libraries: dict[str, str]
    created_at: str

    @property
    def total_units(self) -> int:
        """Units of all addresses."""
        return sum(self.units)

    @property
    def points(self) -> tuple[str, ...]:
        """Points that it holds, each once, in order."""
        return tuple(dict.fromkeys(Address.parse(text).point for text in self.addresses))

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that it holds something of, ascending."""
        return tuple(sorted({Address.parse(text).layer or 0 for text in self.addresses}))

    @property
    def held(self) -> str:
        """What it holds, in words: ``mlp_act of layers 0, 1``."""
        of = {p: [a.layer for a in map(Address.parse, self.addresses) if a.point == p] for p in self.points}
        return "; ".join(f"{point} of layers {', '.join(map(str, layers))}" for point, layers in of.items())

    def usable(self, model_key: str | None) -> tuple[bool, str]:
        """Whether an index fits the model with this key (``None``: it isn't on this machine), and if not, why."""
        if model_key is None:
            return False, f"{self.model_id} is not on this machine."
        if model_key != self.model_key:
            return False, f"It was built on other weights, tokenizer or dtype of {self.model_id}."
        return True, ""

    def write(self, folder: Path) -> None:
        """Save it; an index is one only with this file."""
        save_json(folder / FILE, {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raises :class:`NotFound` where there is none, :class:`Damaged` for a broken one or another format version."""
        if not (folder / FILE).is_file():
            raise NotFound(f"'{folder.name}' is no index.", "An index is a folder with a manifest.json.")
        found = load_json(folder / FILE)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise Damaged(f"The manifest of '{folder.name}' is not that of an index.", "Build the index anew.")
        version = found.get("format_version")
        if not isinstance(version, int) or version < 1:
            raise Damaged(f"The index '{folder.name}' names no format version.", "Build the index anew.")
        if version > FORMAT_VERSION:
            raise Damaged(
                f"The index '{folder.name}' has format version {version}; this program reads up to {FORMAT_VERSION}.",
                "Update NeuronScope, or build the index anew.",
            )
        if version < EARLIEST:
            raise Damaged(
                f"The index '{folder.name}' has format version {version}, from before histograms and sources were kept; "
                f"this program reads version {EARLIEST} on.",
                "Build the index anew.",
            )
        if version == EARLIEST and isinstance(found.get("layers"), list):
            found["addresses"] = [f"{found.get('point')}.{layer}" for layer in found["layers"]]
        return cls._checked(found, folder)

    @classmethod
    def _checked(cls, found: dict[str, Any], folder: Path) -> Manifest:
        values: dict[str, Any] = {}
        for row in fields(cls):
            try:
                values[row.name] = _READERS[str(row.type)](found[row.name])
            except (KeyError, TypeError, ValueError):
                raise Damaged(
                    f"The manifest of '{folder.name}' has no sound '{row.name}'.", "Build the index anew."
                ) from None
        manifest = cls(**values)
        if not all(_is_address(text) for text in manifest.addresses):
            raise Damaged(f"The manifest of '{folder.name}' has no sound 'addresses'.", "Build the index anew.")
        if (
            not manifest.addresses
            or len(set(manifest.addresses)) != len(manifest.units)
            or manifest.k < 1
            or len(manifest.runs) != LONGEST
        ):
            raise Damaged(f"The manifest of '{folder.name}' contradicts itself.", "Build the index anew.")
        return manifest


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _is_address(text: str) -> bool:
    try:
        return Address.parse(text).layer is not None
    except BadAddress:
        return False


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _share(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise TypeError
    return float(value)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError
    return {_text(key): _text(entry) for key, entry in value.items()}


_READERS: dict[str, Any] = {
    "str": _text,
    "int": _count,
    "float": _share,
    "tuple[str, ...]": lambda value: tuple(_text(entry) for entry in _list(value)),
    "tuple[int, ...]": lambda value: tuple(_count(entry) for entry in _list(value)),
    "dict[str, str]": _texts,
}
