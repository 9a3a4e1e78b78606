"""The small model that ships with NeuronScope, its corpus and its labels.

Importing this package loads no numerical library; `folder()` and `series_folders()` only
name paths.
"""

from __future__ import annotations

from pathlib import Path

MODEL_ID = "neuronscope/tiny"


def folder() -> Path:
    """Folder of the shipped model, in the layout `from_pretrained` reads."""
    return Path(__file__).parent / "tiny"


def series_folders() -> list[Path]:
    """Folders of the fine-tuning checkpoints, earliest first."""
    tuned = Path(__file__).parent / "tuned"
    numbered = [path for path in tuned.glob("*") if path.name.isdigit()]
    return sorted(numbered, key=lambda path: int(path.name))
