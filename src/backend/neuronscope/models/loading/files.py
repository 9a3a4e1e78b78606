"""A model's folder, looked at before anything of it is loaded: complete, safe, readable, and how large."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronscope.core.errors import CorruptModel, IncompleteModel, UnsafeModel, UnsupportedModel
from neuronscope.models.loading.gguf_files import SUFFIX, gguf_sizes, read_gguf
from neuronscope.models.loading.headers import Stored, read_header
from neuronscope.models.loading.sizes import Sizes, sizes_of

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A checked folder: its configuration, its weight files, and what they hold."""

    folder: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]
    tensors: tuple[Stored, ...]
    sizes: Sizes
    gguf: str | None = None
    """Name of the GGUF file, where it is one."""
    remote_code: bool = False
    """Whether it brings Python code that the person who started the program allowed by name."""
    stored_quantization: str | None = None
    """Method by which the stored weights are quantized already."""

    @property
    def parameters(self) -> int:
        return self.sizes.parameters

    @property
    def stored_bytes(self) -> int:
        return sum(tensor.bytes for tensor in self.tensors)

    @property
    def family(self) -> str:
        return str(self.config.get("model_type", "unknown"))

    @property
    def format(self) -> str:
        return "safetensors" if self.gguf is None else "gguf"


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's ``config.json``. Raises :class:`UnsupportedModel` or :class:`CorruptModel` with what is wrong."""
    path = folder / "config.json"
    if path.is_symlink() and not path.exists():
        raise IncompleteModel(
            f"config.json of '{folder.name}' is a link to a file that is gone.", "Fetch or save the model anew."
        )
    if not path.is_file():
        raise UnsupportedModel(
            f"'{folder.name}' has no config.json, so it is not a Hugging Face model folder.",
            "Point at the folder that holds config.json and *.safetensors.",
        )
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise CorruptModel(
            f"config.json of '{folder.name}' can't be read: {error}.", "Fetch or save the model anew."
        ) from error
    if not isinstance(config, dict):
        raise CorruptModel(f"config.json of '{folder.name}' is not a JSON object.", "Fetch or save the model anew.")
    return config


def check_path(path: Path, *, remote_code: bool = False) -> ModelFiles:
    """A folder or a GGUF file. Raises as :func:`check_folder` and :func:`check_gguf`."""
    return check_gguf(path) if path.suffix == SUFFIX else check_folder(path, remote_code=remote_code)


def check_folder(folder: Path, *, remote_code: bool = False) -> ModelFiles:
    """Look at every file that loading would open, without loading it.

    Raises :class:`UnsafeModel` for pickle weights or remote code that was not allowed by name, :class:`CorruptModel` for
    damaged or missing files, :class:`UnsupportedModel` for weights that are quantized in a way that can't be run.
    """
    config = read_config(folder)
    brings_code = bool(config.get("auto_map"))
    if brings_code:
        _check_code(folder, config["auto_map"], remote_code)
    method = _stored_quantization(folder, config)
    weights = _weight_files(folder)
    tensors = tuple(tensor for path in weights for tensor in read_header(path))
    sizes = sizes_of(config, tensors)
    return ModelFiles(folder, config, weights, tensors, sizes, None, brings_code, method)


def check_gguf(path: Path) -> ModelFiles:
    """Look at a GGUF file's header. Raises :class:`CorruptModel` and :class:`UnsupportedModel`."""
    header = read_gguf(path)
    parts = header.facts.get("split.count")
    if isinstance(parts, int) and parts > 1:
        raise UnsupportedModel(
            f"'{path.name}' is one of {parts} parts of a model.", "Join them first: llama-gguf-split --merge."
        )
    config = {"model_type": header.family}
    return ModelFiles(path.parent, config, (path,), header.tensors, gguf_sizes(header), path.name)


def _check_code(folder: Path, auto_map: object, allowed: bool) -> None:
    if not allowed:
        raise UnsafeModel(
            f"'{folder.name}' brings its own Python code (auto_map in config.json), which is not run unless a command "
            "line names it.",
            "Choose a model of a family that transformers knows by itself, or start the program with "
            "--remote-code REPOSITORY@COMMIT after reading the code.",
        )
    places = list(auto_map.values()) if isinstance(auto_map, dict) else [auto_map]
    flat = [place for entry in places for place in (entry if isinstance(entry, list) else [entry])]
    if any(isinstance(place, str) and "--" in place for place in flat):
        raise UnsafeModel(
            f"'{folder.name}' runs code of another repository (auto_map in config.json).",
            "Only code that lies in the named repository itself is run.",
        )


def _stored_quantization(folder: Path, config: dict[str, Any]) -> str | None:
    found = config.get("quantization_config")
    if not isinstance(found, dict):
        return None
    method = str(found.get("quant_method") or ("bitsandbytes" if found.get("load_in_4bit") else "unknown"))
    if method != "bitsandbytes":
        raise UnsupportedModel(
            f"The weights of '{folder.name}' are quantized by {method[:40]}, which can't be run here.",
            "Take the model in full precision and load it in nf4, or a file in GGUF.",
        )
    return "nf4" if found.get("load_in_4bit") or found.get("_load_in_4bit") else "int8"


def _weight_files(folder: Path) -> tuple[Path, ...]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptModel(
                f"The shard index of '{folder.name}' can't be read.", "Fetch or save the model anew."
            ) from error
        missing = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
        if missing:
            raise IncompleteModel(
                f"'{folder.name}' is incomplete: {', '.join(missing[:3])} of {len(names)} shards missing.",
                "Fetch the model again; what is there is kept.",
            )
        return tuple(folder / name for name in names)
    single = folder / "model.safetensors"
    if single.is_file():
        return (single,)
    if any(next(folder.glob(pattern), None) for pattern in PICKLES):
        raise UnsafeModel(
            f"'{folder.name}' holds only pickle weights, which can run code when they are loaded.",
            "Use a revision with safetensors, or convert it with transformers' save_pretrained on a machine you trust.",
        )
    raise IncompleteModel(f"'{folder.name}' has no weights (model.safetensors).", "Fetch or save the model anew.")
