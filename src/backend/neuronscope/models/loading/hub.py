"""Fetching from the model hub: by bytes, cancellable, and each failure with a sentence of its own."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import constants, snapshot_download
from huggingface_hub import errors as hub_errors

from neuronscope.core.errors import (
    Cancelled,
    CorruptModel,
    GatedModel,
    NeuronScopeError,
    NotFound,
    Offline,
    StorageFull,
    UnsupportedModel,
)
from neuronscope.models.loading.hub_cache import begun
from neuronscope.models.loading.reading import Progress
from neuronscope.models.turns import WAIT

FETCHED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "README.md")
CODE = "*.py"


def fetch(
    model_id: str,
    revision: str | None,
    progress: Progress,
    check: Callable[[], None],
    patterns: tuple[str, ...] = FETCHED,
) -> Path:
    """The model's snapshot folder: from the hub cache where it is whole, else from the hub.

    Works in a thread of its own, so that ``check`` can end the waiting at once; what has come by then stays in the
    cache, and a later fetch goes on from there. Raises :class:`Offline`, :class:`NotFound`, :class:`CorruptModel`, or
    :class:`GatedModel` where access must first be granted.
    """
    stop = threading.Event()
    found: list[Path] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            bar = _bar(progress, stop)
            found.append(
                Path(snapshot_download(model_id, revision=revision, allow_patterns=list(patterns), tqdm_class=bar))
            )
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name=f"fetch {model_id}", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(WAIT)
            check()
    except BaseException:
        stop.set()
        raise
    if failed:
        raise explain(failed[0], model_id, revision) from failed[0]
    return found[0]


class _Bar:
    """Stands in for the hub's bars: shows nothing, tells on the bytes that were written, and ends what is cancelled."""

    progress: Progress
    stop: threading.Event

    def __init__(self, *_args: object, **options: Any) -> None:
        # Two bars count bytes, those from the network and those written; the third counts files.
        self._counts = options.get("unit") == "B" and not str(options.get("desc")).startswith("Downloading")
        self.total: float | None = options.get("total")
        self.n = float(options.get("initial") or 0)
        self.format_dict: dict[str, None] = {"rate": None}

    def update(self, n: float | None = 1) -> None:
        if self.stop.is_set():
            raise Cancelled("The download was cancelled.")
        self.n += n or 0
        if self._counts:
            type(self).progress(int(self.n), int(self.total) if self.total else None, "fetch")

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _nothing(self, *_args: object, **_options: object) -> None:
        pass

    refresh = close = set_description = set_description_str = set_postfix_str = _nothing


def _bar(progress: Progress, stop: threading.Event) -> type[Any]:
    return type("Bar", (_Bar,), {"progress": staticmethod(progress), "stop": stop})


def explain(error: BaseException, model_id: str, revision: str | None) -> NeuronScopeError:
    """The error of ours that says what one of the hub's library means."""
    if isinstance(error, NeuronScopeError):
        return error
    if isinstance(error, hub_errors.GatedRepoError):
        return GatedModel(
            f"Access to {model_id} must be granted by its owner.",
            "Accept its terms on its hub page, then set HF_TOKEN or run 'hf auth login'.",
        )
    if isinstance(error, hub_errors.RepositoryNotFoundError):
        return NotFound(
            f"The hub has no model '{model_id}', or it is private.",
            "Check the id; for a private model set HF_TOKEN or run 'hf auth login'.",
        )
    if isinstance(error, hub_errors.RevisionNotFoundError):
        return NotFound(f"{model_id} has no revision '{revision}'.", "Leave it out for the newest.")
    if isinstance(error, hub_errors.HFValidationError):
        return NotFound(f"'{model_id[:80]}' is no id of the hub.", str(error).splitlines()[0][:200])
    if isinstance(error, hub_errors.LocalEntryNotFoundError | hub_errors.OfflineModeIsEnabled):
        why = "the hub can't be reached"
        hint = "Connect to the network and try again, or choose a model that is listed as bundled, local or cached."
        if constants.HF_HUB_OFFLINE:
            why += ": HF_HUB_OFFLINE is set"
            hint = "Unset it and try again, or choose a model that is listed as bundled, local or cached."
        if begun(model_id):
            return CorruptModel(f"Only a part of {model_id} is on this machine, and {why}.", hint)
        return Offline(f"{model_id} is not on this machine, and {why}.", hint)
    if isinstance(error, hub_errors.HfHubHTTPError):
        status = getattr(error.response, "status_code", None)
        if status == 401:
            return GatedModel(
                f"The hub asks who you are before it gives {model_id} ({status}).",
                "Set HF_TOKEN or run 'hf auth login'; a token that has expired must be made anew.",
            )
        return Offline(f"The hub failed on {model_id}: {_first_line(error)}", "Try again later.")
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return StorageFull(
                f"The disk is full: {model_id} can't be kept in the hub cache.", "Free some space, or move HF_HOME."
            )
        return Offline(
            f"{model_id} can't be fetched: {_first_line(error)}",
            "Connect to the network and try again, or choose a model that is listed as bundled, local or cached.",
        )
    return UnsupportedModel(f"{model_id} can't be fetched: {type(error).__name__}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:240] if lines else type(error).__name__
