"""From a model's id or folder to a :class:`LoadedModel`: safetensors only, no remote code, refused before it eats the memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import errors as hub_errors
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from neuronscope.core.errors import (
    BadRequest,
    CorruptModel,
    NotFound,
    Offline,
    UnsafeModel,
    UnsupportedModel,
)
from neuronscope.models.anatomy import inspect_model
from neuronscope.models.choice import choose, refusal
from neuronscope.models.files import ModelFiles, check_folder
from neuronscope.models.identity import file_key, memory_key
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.memory import default_device
from neuronscope.models.sources import ModelSource

FETCHED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")


def load(
    source: ModelSource, *, revision: str | None = None, dtype: str | None = None, device: str | None = None
) -> LoadedModel:
    """Load a model and prove its anatomy by a small forward pass.

    ``dtype`` is float32, float16 or bfloat16; by default float32 on a CPU, elsewhere the one it is stored in.
    Raises :class:`UnsupportedModel` and its kinds, :class:`InsufficientMemory`, :class:`NotFound`, :class:`Offline`.
    """
    if not source.loadable:
        raise (UnsafeModel if source.source == "hub" else UnsupportedModel)(
            f"{source.model_id} can't be loaded: {source.note}"
        )
    folder = source.folder
    if folder is None or (revision is not None and source.source in ("cache", "hub")):
        folder = fetch(source.model_id, revision)
    files = check_folder(folder)
    choice = choose(files.sizes, dtype=dtype, device=check_device(device or default_device()))
    if not choice.fits:
        raise refusal(source.model_id, choice)
    dtype = choice.dtype
    model, tokenizer = _from_folder(files, dtype, choice.device)
    about = folder / "README.md"
    return LoadedModel(
        model_id=source.model_id,
        source="cache" if source.source == "hub" else source.source,
        revision=revision or (folder.name if source.source in ("cache", "hub") else None),
        model=model,
        tokenizer=tokenizer,
        anatomy=inspect_model(model),
        key=file_key(folder, files.weights, dtype, "none"),
        about=about.read_text("utf-8", errors="replace") if about.is_file() else "",
    )


def wrap(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, model_id: str | None = None) -> LoadedModel:
    """A model that is already in memory, as a :class:`LoadedModel`; its modules are used as they are."""
    model.eval()
    name = model_id or getattr(model, "name_or_path", "") or type(model).__name__
    return LoadedModel(name, "local", None, model, tokenizer, inspect_model(model), memory_key(model, tokenizer))


def check_device(device: str) -> str:
    """The device if this machine has it, else :class:`BadRequest`."""
    kind, _, number = device.partition(":")
    present = {
        "cpu": not number,
        "mps": not number and torch.backends.mps.is_available(),
        "cuda": torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count(),
    }
    if not present.get(kind, False):
        raise BadRequest(f"This machine has no device '{device}'.", f"Leave it out to use {default_device()}.")
    return device


def fetch(model_id: str, revision: str | None = None) -> Path:
    """The model's snapshot folder: from the hub cache where it is whole, else from the hub.

    Raises :class:`Offline`, :class:`NotFound`, or :class:`UnsupportedModel` where access must first be granted.
    """
    try:
        return Path(snapshot_download(model_id, revision=revision, allow_patterns=list(FETCHED)))
    except hub_errors.GatedRepoError as error:
        raise UnsupportedModel(
            f"Access to {model_id} must be granted by its owner.",
            f"Accept its terms on its hub page, then set HF_TOKEN or run 'hf auth login'. ({type(error).__name__})",
        ) from error
    except hub_errors.RepositoryNotFoundError as error:
        raise NotFound(
            f"The hub has no model '{model_id}', or it is private.", "Check the id; set HF_TOKEN."
        ) from error
    except hub_errors.RevisionNotFoundError as error:
        raise NotFound(f"{model_id} has no revision '{revision}'.", "Leave it out for the newest.") from error
    except (hub_errors.LocalEntryNotFoundError, hub_errors.OfflineModeIsEnabled, OSError) as error:
        raise Offline(
            f"{model_id} is not on this machine, and the hub can't be reached.",
            "Connect to the network and try again, or choose a model that is listed as bundled, local or cached.",
        ) from error
    except (hub_errors.HfHubHTTPError, hub_errors.HFValidationError) as error:
        raise NotFound(f"The hub refused '{model_id}'.", str(error).splitlines()[0][:200]) from error


# transformers switches how modules are made while it loads, for the whole process: two loads at once break each other.
_one_at_a_time = threading.Lock()


def _from_folder(files: ModelFiles, dtype: str, device: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    options = {"dtype": getattr(torch, dtype), "use_safetensors": True, "output_loading_info": True, **safe}
    with _one_at_a_time:
        model, report = _read_weights(files, options)
    missing = sorted(report["missing_keys"])
    if missing or report["mismatched_keys"]:
        raise CorruptModel(
            f"'{files.folder.name}' lacks weights that its configuration asks for, {(missing or ['…'])[0]} among them.",
            "It would run on random numbers. Fetch the model anew.",
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(files.folder, **safe)
    except (ValueError, KeyError, OSError, ImportError, TypeError, RuntimeError) as error:
        raise UnsupportedModel(f"'{files.folder.name}' has no usable tokenizer: {_first_line(error)}") from error
    return model.to(device).eval(), tokenizer


def _read_weights(files: ModelFiles, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The model, and transformers' account of which weights were missing or did not fit."""
    try:
        # With loading info it returns a pair, which its annotation does not say.
        pair: Any = AutoModelForCausalLM.from_pretrained(files.folder, **options)
        return pair[0], pair[1]
    except (SafetensorError, RuntimeError) as error:
        raise CorruptModel(
            f"The weights of '{files.folder.name}' don't fit its configuration: {_first_line(error)}",
            "Fetch the model anew.",
        ) from error
    except (ValueError, KeyError, ImportError, OSError) as error:
        raise UnsupportedModel(
            f"transformers can't make a causal language model of '{files.folder.name}' ({files.family}): {_first_line(error)}"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:240] if lines else type(error).__name__
