"""Check this machine, list the models on it, and fetch those that are asked for (safetensors only).

python scripts/setup_models.py                       # check and list
python scripts/setup_models.py openai-community/gpt2 # fetch
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from neuronscope.core.errors import NeuronScopeError

NEEDED = ("torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "numpy", "scikit-learn", "flask")
OLDEST = (3, 11)


def check_environment() -> bool:
    """Print Python, libraries, memory, disk and GPUs; whether everything that is needed is there."""
    import psutil
    from huggingface_hub.constants import HF_HUB_CACHE

    good = sys.version_info >= OLDEST
    print(f"Python      {platform.python_version()}{'' if good else ': 3.11 or newer is needed'}")
    for name in NEEDED:
        try:
            print(f"{name:11} {version(name)}")
        except PackageNotFoundError:
            print(f"{name:11} is missing: pip install -r requirements.txt")
            good = False
    memory = psutil.virtual_memory()
    print(f"memory      {memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free")
    place = Path(HF_HUB_CACHE)
    nearest = next(folder for folder in (place, *place.parents) if folder.exists())
    print(f"disk        {shutil.disk_usage(nearest).free / 1e9:.1f} GB free for the model cache")
    print(f"GPU         {gpus()}")
    return good


def gpus() -> str:
    """The GPUs that torch can use, in words."""
    try:
        import torch
    except ImportError:
        return "unknown without torch"
    if torch.cuda.is_available():
        names = (torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count()))
        return ", ".join(f"{found.name} ({found.total_memory / 1e9:.0f} GB)" for found in names)
    return "Apple's, through MPS" if torch.backends.mps.is_available() else "none: models run on the CPU"


def list_models() -> None:
    """Print the models that need no network, and those of the hub that are recommended."""
    from neuronscope.models.loading.sources import Sources

    for model in Sources().list():
        if model.folder is not None or model.source == "cache":
            size = "" if model.stored_bytes is None else f"{model.stored_bytes / 1e6:.0f} MB"
            print(f"{model.source:8} {model.model_id:45} {size:>9} {model.note}")
        elif model.recommended:
            print(f"{model.source:8} {model.model_id:45} {'':>9} recommended{', gated' * model.gated}")


def fetch(model_id: str, revision: str | None) -> bool:
    """Fetch one model and look at its files; whether it can be used."""
    from neuronscope.models.loading.files import check_folder
    from neuronscope.models.loading.hub import fetch as from_hub

    said = -1

    def progress(done: int, total: int | None, _phase: str) -> None:
        nonlocal said
        tenth = 10 * done // total if total else -1
        if tenth > said:
            said = tenth
            print(f"{model_id}: {done / 1e6:.0f} of {(total or 0) / 1e6:.0f} MB", file=sys.stderr)

    try:
        files = check_folder(from_hub(model_id, revision, progress, lambda: None))
    except NeuronScopeError as failure:
        print(f"{model_id}: {failure.message}\n  {failure.hint}", file=sys.stderr)
        return False
    print(f"{model_id}: {files.family}, {files.parameters / 1e6:.0f} M parameters, ready")
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the script; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="hub id of a model to fetch")
    parser.add_argument("--revision", help="branch, tag or commit to fetch")
    options = parser.parse_args(arguments)
    if options.models:
        fetched = [fetch(model, options.revision) for model in options.models]
        return 0 if all(fetched) else 1
    good = check_environment()
    print()
    list_models()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
