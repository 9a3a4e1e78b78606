"""The hub cache as it lies on disk: which models it holds, whole or in part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}")
_PREFIX = "models--"


@dataclass(frozen=True, slots=True)
class Cached:
    """A repository in the cache. ``snapshot`` is None, and ``lacking`` says why, where there is nothing to open."""

    model_id: str
    snapshot: Path | None
    lacking: str = ""


def folder() -> Path:
    """Where the cache lies (``HF_HOME`` and ``HF_HUB_CACHE`` move it)."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def cached_models() -> Iterator[Cached]:
    """Every model repository of the cache that holds, or began to hold, a model for transformers."""
    root = folder()
    if not root.is_dir():
        return
    for place in sorted(root.glob(f"{_PREFIX}*")):
        found = _look(place)
        if found is not None:
            yield found


def snapshot_of(model_id: str, commit: str) -> Path | None:
    """The snapshot folder of one commit, where the cache holds it."""
    path = _place(model_id) / "snapshots" / commit
    return path if _COMMIT.fullmatch(commit) and (path / "config.json").is_file() else None


def begun(model_id: str) -> bool:
    """Whether anything of the model was fetched."""
    blobs = _place(model_id) / "blobs"
    return blobs.is_dir() and any(blobs.iterdir())


def _place(model_id: str) -> Path:
    return folder() / f"{_PREFIX}{model_id.replace('/', '--')}"


def _look(place: Path) -> Cached | None:
    model_id = place.name.removeprefix(_PREFIX).replace("--", "/")
    snapshots = [s for s in (place / "snapshots").glob("*") if _COMMIT.fullmatch(s.name) and s.is_dir()]
    main = _ref(place / "refs" / "main")
    named = next((s for s in snapshots if s.name == main), None)
    if main and named is None and not snapshots:
        return Cached(model_id, None, "Its download began, but no file of it has come yet.")
    ordered = sorted(snapshots, key=lambda s: (s == named, s.stat().st_mtime), reverse=True)
    with_config = next((s for s in ordered if (s / "config.json").is_file()), None)
    if with_config is None:
        gone = any((s / "config.json").is_symlink() for s in ordered)
        if gone:
            return Cached(model_id, None, "Its config.json is a link to a file that is gone.")
        return Cached(model_id, None, "Its download was interrupted.") if _interrupted(place) else None
    dangling = sorted(f.name for f in with_config.iterdir() if f.is_symlink() and not f.exists())
    if dangling:
        return Cached(model_id, None, f"{dangling[0]} is a link to a file that is gone.")
    return Cached(model_id, with_config)


def _interrupted(place: Path) -> bool:
    return any((place / "blobs").glob("*.incomplete"))


def _ref(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
