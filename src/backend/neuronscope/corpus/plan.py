"""What an index's content depends on, settled before the first token is run and kept beside what is unfinished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neuronscope.core.address import Address
from neuronscope.core.errors import BadAddress, BadRequest, NeuronScopeError, PointUnavailable
from neuronscope.core.points import NEURONS, POINTS
from neuronscope.core.spec import CaptureSpec
from neuronscope.corpus.files import load_json, save_json
from neuronscope.corpus.manifest import FORMAT_VERSION, Settings, now
from neuronscope.corpus.readers import Corpus
from neuronscope.models.loaded import LoadedModel

LONGEST_WINDOW = 1024
CPU_TOKENS, GPU_TOKENS = 2048, 16384
BATCH_BYTES = 1 << 30
"""What a batch's values of one layer, in four bytes each, stay within."""
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "neuronscope")
FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """Two builds with equal plans give the same index, but for ``created_at``."""

    model_id: str
    model_key: str
    device: str
    corpus: str
    corpus_hash: str
    documents: int
    k: int
    addresses: tuple[str, ...]
    units: tuple[int, ...]
    window: int
    batch_tokens: int
    shard: int
    shard_bytes: int
    sample: int
    histogram: float
    seed: int
    libraries: dict[str, str]
    created_at: str
    format_version: int = FORMAT_VERSION

    @property
    def taps(self) -> list[Address]:
        """What is tapped, in order."""
        return [Address.parse(text) for text in self.addresses]

    def same(self, folder: Path) -> bool:
        """Whether the plan that lies in a folder is this one; when it was made does not matter."""
        found = read(folder)
        return found is not None and {**found, "created_at": ""} == {**_plain(self), "created_at": ""}

    def begun(self, folder: Path) -> str:
        """When the build in a folder was begun."""
        return str((read(folder) or {}).get("created_at", self.created_at))

    def write(self, folder: Path) -> None:
        """Save it."""
        save_json(folder / FILE, _plain(self))


def read(folder: Path) -> dict[str, Any] | None:
    """The plan in a folder as plain data; ``None`` where there is no sound one."""
    try:
        found = load_json(folder / FILE)
    except NeuronScopeError:
        return None
    return found if isinstance(found, dict) else None


def make_plan(
    loaded: LoadedModel,
    corpus: Corpus,
    k: int = 32,
    layers: Sequence[int] | None = None,
    settings: Settings | None = None,
    points: Sequence[str] | None = None,
) -> Plan:
    """Settle everything that was left open. Reads the whole corpus once.

    ``points`` are neurons by default. Raises :class:`BadAddress` or :class:`PointUnavailable` for points and layers,
    :class:`BadRequest` for ``k``, the window or a broken document.
    """
    if k < 1:
        raise BadRequest(f"k is {k}; it is at least 1.")
    chosen = settings or Settings()
    addresses, _ = choose_addresses(loaded, points, layers)
    units = tuple(loaded.anatomy.width(address) for address in addresses)
    window = chosen.window or min(loaded.context_length or LONGEST_WINDOW, LONGEST_WINDOW)
    if window > (loaded.context_length or window):
        raise BadRequest(f"A window of {window} tokens does not fit {loaded.model_id}.", "Leave it out.")
    return Plan(
        model_id=loaded.model_id,
        model_key=loaded.key,
        device=loaded.device.type,
        corpus=corpus.name,
        corpus_hash=corpus.hash,
        documents=corpus.summary.documents,
        k=k,
        addresses=tuple(map(str, addresses)),
        units=units,
        window=window,
        batch_tokens=chosen.batch_tokens or default_batch_tokens(max(units), loaded.device.type),
        shard=chosen.shard,
        shard_bytes=chosen.shard_bytes,
        sample=chosen.sample,
        histogram=chosen.histogram,
        seed=chosen.seed,
        libraries=_libraries(),
        created_at=now(),
    )


def choose_addresses(
    loaded: LoadedModel, points: Iterable[str] | None, layers: Iterable[int] | None
) -> tuple[list[Address], dict[str, str]]:
    """Addresses to index, point by point and ascending, and what a bare point lacks in some layers, with the reasons.

    ``points`` are names or addresses of points whose units can be named one by one, in any layer (``None``: neurons).
    Raises :class:`BadAddress` for a layer out of range or a point that an index can't hold, :class:`PointUnavailable`
    where a layer or an address asked for, or a point in every layer, is not there.
    """
    anatomy = loaded.anatomy
    names = (NEURONS,) if points is None else tuple(points)
    asked = CaptureSpec(names, None if layers is None else tuple(sorted(set(layers)))).expand(anatomy.layer_count)
    for address in asked:
        _check_point(address)
    order = list(POINTS)
    unavailable: dict[str, str] = {}
    for name in names:
        if layers is None and name in POINTS:
            every = [address for address in asked if address.point == name]
            missing = {address: anatomy.refused[address] for address in every if address in anatomy.refused}
            if len(missing) == len(every):
                what = "neurons" if name == NEURONS else name
                raise PointUnavailable(f"No layer of this model has {what}: {next(iter(missing.values()))}.")
            unavailable |= {str(address): reason for address, reason in missing.items()}
    chosen = [address for address in asked if str(address) not in unavailable]
    for address in chosen:
        anatomy.site(address)
    return sorted(chosen, key=lambda address: (order.index(address.point), address.layer or 0)), unavailable


def _check_point(address: Address) -> None:
    if not address.row.has_units:
        axes = " × ".join(address.row.axes)
        raise BadAddress(
            f"'{address.point}' has axes {axes}, so it has no single units to index.",
            "Heads can be indexed as head_norm." if "h" in address.row.axes else "Index another point.",
        )
    if address.layer is None:
        hint = "resid_pre.0 holds the same." if address.point == "embed" else "Index resid_post of the last layer."
        raise BadAddress(f"An index holds points that layers have; '{address.point}' has none.", hint)


def default_batch_tokens(units: int, device: str) -> int:
    """Tokens of a batch with its padding, for the widest layer's units."""
    return max(128, min(CPU_TOKENS if device == "cpu" else GPU_TOKENS, BATCH_BYTES // (4 * units)))


def _plain(plan: Plan) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(plan).items()}


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:
            continue
    return found
