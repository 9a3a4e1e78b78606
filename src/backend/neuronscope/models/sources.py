"""Where models come from: the bundled ones, folders the user named, the hub cache, and the hub's well-known ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from neuronscope.core.errors import NeuronScopeError, NotFound
from neuronscope.models import bundled
from neuronscope.models.files import check_folder
from neuronscope.models.sizes import Sizes

BUNDLED_ID = bundled.MODEL_ID
_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that can be chosen. ``folder`` is where its files lie, ``None`` while they are only on the hub."""

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
    """Commit of a cached snapshot."""
    recommended: bool = False

    @property
    def category(self) -> str:
        """Size class by parameters: tiny, small (to 0.5 B), medium (to 3 B), large (to 8 B), huge."""
        if self.parameters is None:
            return "unknown"
        bounds = ((20e6, "tiny"), (0.5e9, "small"), (3e9, "medium"), (8.5e9, "large"))
        return next((name for bound, name in bounds if self.parameters < bound), "huge")


class Sources:
    """All models of this machine, looked up anew at each call, so that a fetched one shows at once."""

    def __init__(self, model_dirs: tuple[Path, ...] = ()) -> None:
        self.model_dirs = model_dirs

    def list(self) -> list[ModelSource]:
        """Bundled, local, cached and well-known models, in this order, each id once."""
        found: dict[str, ModelSource] = {}
        for source in (*self._bundled(), *self._local(), *_cached(), *_catalogue()):
            found.setdefault(source.model_id, source)
        return list(found.values())

    def find(self, model_id: str) -> ModelSource:
        """The listed model of that id, or one of the hub that is not listed.

        Raises :class:`NotFound` for what is neither listed nor shaped like a hub id.
        """
        for source in (*self._bundled(), *self._local(), *_cached(), *_catalogue()):
            if source.model_id == model_id:
                return source
        if model_id.startswith(("local/", "neuronscope/")) or not _HUB_ID.fullmatch(model_id) or ".." in model_id:
            raise NotFound(
                f"There is no model '{model_id[:80]}'.",
                "GET /api/models and `neuronscope models` list those there are.",
            )
        return ModelSource(model_id, "hub", "unknown", None, None, note="fetched from the hub when it is loaded")

    def _bundled(self) -> Iterator[ModelSource]:
        yield _from_folder(BUNDLED_ID, "bundled", bundled.folder())
        for folder in bundled.series_folders():
            yield _from_folder(f"{BUNDLED_ID}-tuned-{folder.name}", "bundled", folder)

    def _local(self) -> Iterator[ModelSource]:
        seen: dict[str, int] = {}
        for parent in self.model_dirs:
            for folder in sorted(f for f in parent.iterdir() if (f / "config.json").is_file()):
                count = seen[folder.name] = seen.get(folder.name, 0) + 1
                name = folder.name if count == 1 else f"{folder.name}~{count}"
                yield _from_folder(f"local/{name}", "local", folder)


def folder_source(folder: Path) -> ModelSource:
    """A folder that a person named on their own command line or in Python."""
    return _from_folder(str(folder), "local", folder)


def _from_folder(model_id: str, source: str, folder: Path) -> ModelSource:
    try:
        files = check_folder(folder)
    except NeuronScopeError as error:
        return ModelSource(model_id, source, "unknown", None, folder, note=error.message, loadable=False)
    return ModelSource(
        model_id,
        source,
        files.family,
        files.parameters,
        folder,
        files.stored_bytes,
        sizes=files.sizes,
        revision=folder.name if source == "cache" else None,
    )


def _cached() -> Iterator[ModelSource]:
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        cache_info = scan_cache_dir()
    except (CacheNotFound, OSError):
        return
    for repo in sorted(cache_info.repos, key=lambda r: r.repo_id):
        if repo.repo_type != "model":
            continue
        revisions = sorted(repo.revisions, key=lambda r: ("main" in r.refs, r.last_modified), reverse=True)
        snapshot = next((r.snapshot_path for r in revisions if (r.snapshot_path / "config.json").is_file()), None)
        if snapshot is not None:
            yield _from_folder(repo.repo_id, "cache", snapshot)


@cache
def _catalogue() -> tuple[ModelSource, ...]:
    rows = yaml.safe_load((Path(__file__).parent / "catalog.yaml").read_text("utf-8"))
    return tuple(
        ModelSource(
            model_id=row["id"],
            source="hub",
            family=row["family"],
            parameters=int(float(row["parameters"])),
            folder=None,
            sizes=_catalogued(row),
            recommended=bool(row.get("recommended", False)),
            gated=bool(row.get("gated", False)),
            note=row.get("note", ""),
            loadable=not row.get("remote_code", False),
        )
        for row in rows
    )


def _catalogued(row: dict[str, Any]) -> Sizes | None:
    if "linear" not in row:
        return None
    heads = int(row["heads"])
    width = int(row["width"])
    return Sizes(
        parameters=int(row["parameters"]),
        linear=int(row["linear"]),
        layers=int(row["layers"]),
        width=width,
        mlp=int(row["mlp"]),
        kv_width=int(row.get("kv_heads", heads)) * int(row.get("head_width", width // heads)),
        vocabulary=int(row["vocabulary"]),
        context=int(row["context"]),
        dtype=str(row["dtype"]),
        largest=int(row["vocabulary"]) * width,
    )
