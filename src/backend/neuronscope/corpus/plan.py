"""What an index's content depends on, settled before the first token is run and kept beside what is unfinished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest, NeuronScopeError, PointUnavailable
from neuronscope.core.spec import CaptureSpec
from neuronscope.corpus.files import load_json, save_json
from neuronscope.corpus.manifest import FORMAT_VERSION, Settings, now
from neuronscope.corpus.readers import Corpus
from neuronscope.models.loaded import LoadedModel

POINT = "mlp_act"
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
    point: str
    layers: tuple[int, ...]
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
    def addresses(self) -> list[Address]:
        """What is tapped, ascending."""
        return [Address(self.point, layer) for layer in self.layers]

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
) -> Plan:
    """Settle everything that was left open. Reads the whole corpus once.

    Raises :class:`BadAddress` or :class:`PointUnavailable` for the layers, :class:`BadRequest` for ``k``, the window or
    a broken document.
    """
    if k < 1:
        raise BadRequest(f"k is {k}; it is at least 1.")
    chosen = settings or Settings()
    addresses, _ = choose_layers(loaded, layers)
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
        point=POINT,
        layers=tuple(address.layer or 0 for address in addresses),
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


def choose_layers(loaded: LoadedModel, layers: Iterable[int] | None) -> tuple[list[Address], dict[str, str]]:
    """Addresses to index, ascending, and the layers of a default choice that have no neurons, with the reasons.

    Raises :class:`BadAddress` for a layer out of range, :class:`PointUnavailable` where a layer asked for, or every
    layer, has no neurons.
    """
    anatomy = loaded.anatomy
    spec = CaptureSpec((POINT,), None if layers is None else tuple(sorted(set(layers))))
    every = spec.expand(anatomy.layer_count)
    if layers is not None:
        for address in every:
            anatomy.site(address)
        return every, {}
    unavailable = {str(address): anatomy.refused[address] for address in every if address in anatomy.refused}
    chosen = [address for address in every if address not in anatomy.refused]
    if not chosen:
        raise PointUnavailable(f"No layer of this model has neurons: {next(iter(unavailable.values()))}.")
    return chosen, unavailable


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
