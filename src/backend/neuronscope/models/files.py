"""A model's folder, looked at before anything of it is loaded: complete, safe, readable, and how large."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronscope.core.errors import CorruptModel, UnsafeModel, UnsupportedModel

_SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "U8": 1, "I8": 1, "BOOL": 1}
_MAX_HEADER = 100 << 20
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A checked folder: its configuration, weight files, number of parameters and stored bytes."""

    folder: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]
    parameters: int
    stored_bytes: int

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
    parameters = stored = 0
    for path in weights:
        count, size = _read_header(path)
        parameters, stored = parameters + count, stored + size
    return ModelFiles(folder, config, weights, parameters, stored)


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


def _read_header(path: Path) -> tuple[int, int]:
    """Parameters and bytes of one safetensors file, from its header alone; every offset is checked against the size."""

    def broken(why: str) -> CorruptModel:
        return CorruptModel(f"'{path.name}' is not a sound safetensors file: {why}.", "Fetch the model anew.")

    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise broken("it is shorter than a header")
        length = struct.unpack("<Q", start)[0]
        if length > min(size - 8, _MAX_HEADER):
            raise broken("its header is longer than the file")
        try:
            header = json.loads(file.read(length))
        except ValueError:
            raise broken("its header is not JSON") from None
    if not isinstance(header, dict):
        raise broken("its header is not an object")
    header.pop("__metadata__", None)
    parameters = end = 0
    for name, entry in header.items():
        try:
            begin, stop = entry["data_offsets"]
            count = 1
            for extent in entry["shape"]:
                count *= int(extent)
            fits = entry["dtype"] not in _SIZES or stop - begin == count * _SIZES[entry["dtype"]]
        except (KeyError, TypeError, ValueError):
            raise broken(f"the entry of {name[:60]} is malformed") from None
        if begin < 0 or stop < begin or stop > size - 8 - length or not fits:
            raise broken(f"{name[:60]} lies outside of the file, as after an interrupted download")
        parameters, end = parameters + count, max(end, stop)
    return parameters, end
