"""Where models come from: the bundled ones, folders the user named, the hub cache, and the hub's well-known ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from neuronscope.core.errors import IncompleteModel, NeuronScopeError, NotFound
from neuronscope.models import bundled
from neuronscope.models.loading.architectures import never_loads
from neuronscope.models.loading.catalogue import Row, catalogue
from neuronscope.models.loading.files import ModelFiles, check_path
from neuronscope.models.loading.gguf_files import SUFFIX
from neuronscope.models.loading.hub_cache import Cached, cached_models, snapshot_of
from neuronscope.models.loading.sizes import Sizes

BUNDLED_ID = bundled.MODEL_ID
_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}")
_RESUMES = "Loading it goes on with the download."


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that can be chosen. ``folder`` is its folder or GGUF file, ``None`` while it is only on the hub."""

    model_id: str
    source: str
    family: str
    parameters: int | None
    folder: Path | None
    stored_bytes: int | None = None
    gated: bool = False
    note: str = ""
    loadable: bool = True
    sizes: Sizes | None = None
    format: str = "safetensors"
    revision: str | None = None
    """Commit of a cached snapshot, or the one that a command line named."""
    recommended: bool = False
    trusted: bool = False
    """Whether a command line named this repository and commit, so that its own code may run."""

    @property
    def category(self) -> str:
        """Size class by parameters: tiny, small (to 0.5 B), medium (to 3 B), large (to 8.6 B), huge."""
        if self.parameters is None:
            return "unknown"
        bounds = ((20e6, "tiny"), (0.5e9, "small"), (3e9, "medium"), (8.6e9, "large"))
        return next((name for bound, name in bounds if self.parameters < bound), "huge")


class Sources:
    """All models of this machine, looked up anew at each call, so that a fetched one shows at once.

    ``trusted`` are repositories, each with its commit, whose own code a command line allowed to run.
    """

    def __init__(self, model_dirs: tuple[Path, ...] = (), trusted: Mapping[str, str] | None = None) -> None:
        self.model_dirs = model_dirs
        self.trusted = dict(trusted or {})

    def list(self) -> list[ModelSource]:
        """Bundled, local, cached and well-known models, in this order, each id once."""
        found: dict[str, ModelSource] = {}
        for source in self._all():
            found.setdefault(source.model_id, source)
        return list(found.values())

    def find(self, model_id: str) -> ModelSource:
        """The listed model of that id, or one of the hub that is not listed.

        Raises :class:`NotFound` for what is neither listed nor shaped like a hub id.
        """
        for source in self._all():
            if source.model_id == model_id:
                return source
        if model_id.startswith(("local/", "neuronscope/")) or not _HUB_ID.fullmatch(model_id) or ".." in model_id:
            raise NotFound(
                f"There is no model '{model_id[:80]}'.",
                "GET /api/models and `neuronscope models` list those there are.",
            )
        return ModelSource(model_id, "hub", "unknown", None, None, note="fetched from the hub when it is loaded")

    def _all(self) -> Iterator[ModelSource]:
        yield from self._bundled()
        yield from self._local()
        for model_id, commit in self.trusted.items():
            yield _trusted(model_id, commit)
        for cached in cached_models():
            yield _from_cache(cached)
        for row in catalogue().values():
            yield _from_row(row)

    def _bundled(self) -> Iterator[ModelSource]:
        yield _from_path(BUNDLED_ID, "bundled", bundled.folder())
        for folder in bundled.series_folders():
            yield _from_path(f"{BUNDLED_ID}-tuned-{folder.name}", "bundled", folder)

    def _local(self) -> Iterator[ModelSource]:
        seen: dict[str, int] = {}
        for parent in self.model_dirs:
            for path in sorted(p for p in parent.iterdir() if _holds_model(p)):
                stem = path.stem if path.suffix == SUFFIX else path.name
                count = seen[stem] = seen.get(stem, 0) + 1
                yield _from_path(f"local/{stem if count == 1 else f'{stem}~{count}'}", "local", path)


def folder_source(path: Path) -> ModelSource:
    """A folder or GGUF file that a person named on their own command line or in Python."""
    return _from_path(str(path), "local", path)


class SourcesAndPaths(Sources):
    """The models of this machine for a person at its command line or in Python, who may name any folder as well."""

    def find(self, model_id: str) -> ModelSource:
        """The model of a folder, a GGUF file or an id. Raises :class:`NotFound` with what to write instead."""
        path = Path(model_id).expanduser()
        if is_model_path(path):
            return folder_source(path)
        if path.is_file():
            raise NotFound(
                f"'{model_id[:200]}' is neither a folder nor a GGUF file.",
                "Give the folder that holds config.json and *.safetensors, or a file that ends in .gguf.",
            )
        if _means_a_path(model_id):
            raise NotFound(
                f"There is no folder or file '{model_id[:200]}'.",
                "Give a model's folder, a GGUF file, or an id that `neuronscope models` lists.",
            )
        try:
            return super().find(model_id)
        except NotFound as error:
            if not model_id.startswith("local/"):
                raise NotFound(error.message, "`neuronscope models` lists those there are.") from None
            raise NotFound(
                error.message,
                "Give the path of its folder: names with local/ exist only in a server started with --model-dir.",
            ) from None


def _means_a_path(ref: str) -> bool:
    parts = ref.replace("\\", "/").split("/")
    return parts[0] in ("", ".", "..", "~") or len(parts) > 2 or ref.endswith((SUFFIX, "/")) or "\\" in ref


def is_model_path(path: Path) -> bool:
    """Whether a person who writes this means a folder or a GGUF file, not an id."""
    return path.is_dir() or (path.suffix == SUFFIX and path.is_file())


def _holds_model(path: Path) -> bool:
    # A projector of a vision model lies beside the model, and is none itself.
    if path.suffix == SUFFIX:
        return path.is_file() and not path.name.startswith("mmproj")
    return (path / "config.json").is_file()


def _from_path(model_id: str, source: str, path: Path, *, trusted: bool = False) -> ModelSource:
    form = "gguf" if path.suffix == SUFFIX else "safetensors"
    revision = path.name if source == "cache" else None
    found = _looked_at(path, _signature(path), trusted)
    if isinstance(found, NeuronScopeError):
        return ModelSource(
            model_id,
            source,
            "unknown",
            None,
            path,
            note=found.message,
            loadable=False,
            format=form,
            revision=revision,
            trusted=trusted,
        )
    against = "" if form == "gguf" else never_loads(found.config)
    return ModelSource(
        model_id,
        source,
        found.family,
        found.sizes.parameters,
        path,
        found.stored_bytes,
        note=against,
        loadable=not against,
        sizes=found.sizes,
        format=form,
        revision=revision,
        trusted=trusted,
    )


def _from_cache(cached: Cached) -> ModelSource:
    row = catalogue().get(cached.model_id)
    known = None if row is None else _from_row(row)
    if cached.snapshot is None:
        return _partial(cached.model_id, cached.lacking, known)
    source = _from_path(cached.model_id, "cache", cached.snapshot)
    if not source.loadable:
        found = _looked_at(cached.snapshot, _signature(cached.snapshot), False)
        if isinstance(found, IncompleteModel):
            return _partial(cached.model_id, found.message, known)
    if known is not None:
        source = replace(source, gated=known.gated, recommended=known.recommended)
    return source


def _partial(model_id: str, lacking: str, known: ModelSource | None) -> ModelSource:
    plain = known or ModelSource(model_id, "cache", "unknown", None, None)
    return replace(plain, source="cache", note=f"{lacking} {_RESUMES}" if plain.loadable else plain.note)


def _trusted(model_id: str, commit: str) -> ModelSource:
    snapshot = snapshot_of(model_id, commit)
    row = catalogue().get(model_id)
    if snapshot is not None:
        source = _from_path(model_id, "cache", snapshot, trusted=True)
        return replace(source, recommended=bool(row and row.recommended), gated=bool(row and row.gated))
    known = _from_row(row) if row else ModelSource(model_id, "hub", "unknown", None, None)
    note = f"runs its own Python code, of commit {commit[:8]}"
    return replace(known, loadable=True, trusted=True, revision=commit, note=note)


def _from_row(row: Row) -> ModelSource:
    return ModelSource(
        model_id=row.model_id,
        source="hub",
        family=row.family,
        parameters=row.sizes.parameters,
        folder=None,
        gated=row.gated,
        note=row.note,
        loadable=not row.remote_code,
        sizes=row.sizes,
        recommended=row.recommended,
    )


def _signature(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of the files that a look at the path reads: while they stay, so does what it found."""
    try:
        files = [path] if path.is_file() else sorted(f for f in path.iterdir() if f.suffix in (".json", ".safetensors"))
        stats = [(file.name, file.stat()) for file in files if file.exists()]
    except OSError:
        return ()
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


@lru_cache(maxsize=512)
def _looked_at(path: Path, signature: object, trusted: bool) -> ModelFiles | NeuronScopeError:
    # Kept, since the list is asked for often, and a model of many shards takes a tenth of a second to look at.
    try:
        return check_path(path, remote_code=trusted)
    except NeuronScopeError as error:
        return error.with_traceback(None)
