"""From a model's source to a :class:`LoadedModel`: no pickles, no code of strangers, refused before it eats the memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from neuronscope.core.errors import BadRequest, CorruptModel, InsufficientMemory, UnsafeModel, UnsupportedModel
from neuronscope.models.anatomy import inspect_model
from neuronscope.models.four_bits import mend
from neuronscope.models.inspection.naming import ModuleNames
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.choice import Choice, choose, refusal
from neuronscope.models.loading.devices import check_device, placement
from neuronscope.models.loading.files import ModelFiles, check_path
from neuronscope.models.loading.hub import CODE, FETCHED, fetch
from neuronscope.models.loading.identity import file_key, memory_key
from neuronscope.models.loading.quantize import keep_as_stored, quantization_options
from neuronscope.models.loading.quiet import quiet
from neuronscope.models.loading.reading import Progress, read_model
from neuronscope.models.loading.sources import ModelSource
from neuronscope.models.loading.tokenizers import read_tokenizer
from neuronscope.models.quantized import is_quantized
from neuronscope.models.turns import TURNS, never


def load(
    source: ModelSource,
    *,
    revision: str | None = None,
    dtype: str | None = None,
    quantization: str | None = None,
    device: str | None = None,
    modules: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    check: Callable[[], None] | None = None,
) -> LoadedModel:
    """Load a model and prove its anatomy by a small forward pass.

    ``dtype`` is float32, float16 or bfloat16; by default float32 on a CPU, elsewhere the one it is stored in.
    ``quantization`` is none, nf4 or int8 (CUDA only); left out, nf4 where neither the usual dtype nor the stored one
    would fit and nf4 would.
    Embeddings, the head and norms are not quantized; they, and all computing, stay in the dtype. ``device`` is cpu,
    mps, cuda, cuda:N, or auto for all cards together. ``modules`` are names by hand, as in :class:`ModuleNames`.
    ``progress`` is told bytes done, in all, and the phase; ``check`` may raise at each tensor or chunk, which ends the
    load and leaves nothing in memory.
    Raises :class:`UnsupportedModel` and its kinds, :class:`InsufficientMemory`, :class:`NotFound`, :class:`Offline`.
    """
    if not source.loadable:
        if source.folder is not None:
            check_path(source.folder, remote_code=source.trusted)
        raise (UnsafeModel if source.source == "hub" else UnsupportedModel)(
            f"{source.model_id} can't be loaded: {source.note}"
        )
    tell, ask = progress or (lambda _done, _total, _phase: None), check or never
    names = ModuleNames.parse(modules)
    path = _place(source, revision, tell, ask)
    files = check_path(path, remote_code=source.trusted)
    choice = choose_for(files, dtype=dtype, quantization=quantization, device=device)
    if not choice.fits:
        raise refusal(source.model_id, choice)
    with quiet():
        model = _read(files, choice, tell, ask)
        tokenizer = read_tokenizer(files)
        ask()
        with TURNS.running():
            anatomy = inspect_model(model, names)
    about = files.folder / "README.md"
    return LoadedModel(
        model_id=source.model_id,
        source="cache" if source.source == "hub" else source.source,
        revision=revision or source.revision or (path.name if source.source == "hub" else None),
        model=model,
        tokenizer=tokenizer,
        anatomy=anatomy,
        key=file_key(files.folder, files.weights, choice.dtype, choice.quantization),
        about=about.read_text("utf-8", errors="replace") if files.gguf is None and about.is_file() else "",
        quantization=choice.quantization,
    )


def wrap(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    model_id: str | None = None,
    modules: Mapping[str, str] | None = None,
) -> LoadedModel:
    """A model that is already in memory, as a :class:`LoadedModel`; its modules are used as they are."""
    model.eval()
    name = model_id or getattr(model, "name_or_path", "") or type(model).__name__
    with TURNS.running():
        anatomy = inspect_model(model, ModuleNames.parse(modules))
    return LoadedModel(name, "local", None, model, tokenizer, anatomy, memory_key(model, tokenizer))


def choose_for(
    files: ModelFiles, *, dtype: str | None, quantization: str | None, device: str | None, spare: int = 0
) -> Choice:
    """How these files are loaded with these options. Raises :class:`BadRequest` for what they can't be loaded as."""
    place = check_device(device)
    if files.gguf is not None and quantization not in (None, "none"):
        raise BadRequest(
            "A GGUF file is unpacked as it is loaded, and can't be quantized anew.",
            "Leave quantization out; bfloat16 takes the least memory.",
        )
    if files.stored_quantization is not None and quantization not in (None, files.stored_quantization):
        raise BadRequest(
            f"Its weights are stored in {files.stored_quantization}, and are loaded as they are.",
            "Leave quantization out.",
        )
    fixed = files.stored_quantization or ("none" if files.gguf is not None else quantization)
    return choose(files.sizes, dtype=dtype, quantization=fixed, device=place, spare=spare)


def _place(source: ModelSource, revision: str | None, progress: Progress, check: Callable[[], None]) -> Path:
    """The folder or file to load, fetched where it is not on this machine, or not in that revision."""
    if source.folder is not None and (revision in (None, source.revision) or source.source not in ("cache", "hub")):
        return source.folder
    patterns = (*FETCHED, CODE) if source.trusted else FETCHED
    return fetch(source.model_id, revision or source.revision, progress, check, patterns)


def _read(files: ModelFiles, choice: Choice, progress: Progress, check: Callable[[], None]) -> PreTrainedModel:
    options: dict[str, Any] = {
        "dtype": getattr(torch, choice.dtype),
        "local_files_only": True,
        "trust_remote_code": files.remote_code,
        "device_map": placement(choice.device),
        # Those of other shapes are then reported with both, and refused below.
        "ignore_mismatched_sizes": True,
    }
    if files.gguf is not None:
        from transformers import GgufConfig

        options |= {"gguf_file": files.gguf, "quantization_config": GgufConfig(dequantize=True)}
    else:
        options |= {"use_safetensors": True}
        if files.stored_quantization is None:
            options |= quantization_options(choice.quantization, choice.dtype)
    stored = {tensor.name: tensor.bytes for tensor in files.tensors}
    try:
        model, report = read_model(str(files.folder), options, stored, progress, check)
    except torch.OutOfMemoryError as error:
        raise InsufficientMemory(
            f"'{files.folder.name}' did not fit into the memory of {choice.device}.",
            "Unload other models, load it in nf4, or choose a smaller one.",
        ) from error
    except (SafetensorError, RuntimeError) as error:
        raise CorruptModel(
            f"The weights of '{files.folder.name}' don't fit its configuration: {_first_line(error)}",
            "Fetch or save the model anew.",
        ) from error
    except (ValueError, KeyError, ImportError, OSError, AttributeError, TypeError) as error:
        raise UnsupportedModel(
            f"transformers can't make a causal language model of '{files.folder.name}' ({files.family}): {_first_line(error)}"
        ) from error
    misshapen = sorted((name, tuple(stored), tuple(asked)) for name, stored, asked in report["mismatched_keys"])
    if misshapen:
        name, shape, asked = misshapen[0]
        others = f" ({len(misshapen) - 1} more have other shapes too)" if len(misshapen) > 1 else ""
        raise CorruptModel(
            f"The weights of '{files.folder.name}' don't fit its configuration: {name} is {list(shape)}, "
            f"and config.json asks for {list(asked)}{others}.",
            "Fetch or save the model anew.",
        )
    if report["missing_keys"]:
        raise CorruptModel(
            f"'{files.folder.name}' lacks weights that its configuration asks for, {min(report['missing_keys'])} among them.",
            "It would run on random numbers. Fetch or save the model anew.",
        )
    keep_as_stored(model)
    mend(model)
    _own_memory(model)
    return model.eval()  # type: ignore[no-any-return]


def _own_memory(model: PreTrainedModel) -> None:
    """Copy what still lies in the mapped file: a model in memory must not change, or crash, when its file is rewritten."""
    for parameter in model.parameters():
        if parameter.device.type == "cpu" and not is_quantized(parameter):
            parameter.data = parameter.data.clone()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:240] if lines else type(error).__name__
