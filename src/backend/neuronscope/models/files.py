"""A model's folder, looked at before anything of it is loaded: complete, safe, readable, and how large."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronscope.core.errors import CorruptModel, UnsafeModel, UnsupportedModel
from neuronscope.models.headers import Stored, read_header
from neuronscope.models.sizes import Sizes, sizes_of

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A checked folder: its configuration, its weight files, and what they hold."""

    folder: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]
    tensors: tuple[Stored, ...]
    sizes: Sizes

    @property
    def parameters(self) -> int:
        return self.sizes.parameters

    @property
    def stored_bytes(self) -> int:
        return sum(tensor.bytes for tensor in self.tensors)

    @property
    def family(self) -> str:
        return str(self.config.get("model_type", "unknown"))


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's ``config.json``. Raises :class:`UnsupportedModel` or :class:`CorruptModel` with what is wrong."""
    path = folder / "config.json"
    if not path.is_file():
        raise UnsupportedModel(
            f"'{folder.name}' has no config.json, so it is not a Hugging Face model folder.",
            "Point at the folder that holds config.json and *.safetensors.",
        )
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise CorruptModel(
            f"config.json of '{folder.name}' can't be read: {error}.", "Fetch the model anew."
        ) from error
    if not isinstance(config, dict):
        raise CorruptModel(f"config.json of '{folder.name}' is not a JSON object.", "Fetch the model anew.")
    return config


def check_folder(folder: Path) -> ModelFiles:
    """Look at every file that loading would open, without loading it.

    Raises :class:`UnsafeModel` for pickle weights or remote code, :class:`CorruptModel` for damaged or missing files.
    """
    config = read_config(folder)
    if config.get("auto_map"):
        raise UnsafeModel(
            f"'{folder.name}' brings its own Python code (auto_map in config.json), which NeuronScope does not run.",
            "Choose a model of a family that transformers knows by itself.",
        )
    weights = _weight_files(folder)
    tensors = tuple(tensor for path in weights for tensor in read_header(path))
    return ModelFiles(folder, config, weights, tensors, sizes_of(config, tensors))


def _weight_files(folder: Path) -> tuple[Path, ...]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptModel(f"The shard index of '{folder.name}' can't be read.", "Fetch the model anew.") from error
        missing = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
        if missing:
            raise CorruptModel(
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
    raise CorruptModel(f"'{folder.name}' has no weights (model.safetensors).", "Fetch the model anew.")
