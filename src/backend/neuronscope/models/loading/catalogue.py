"""The hub's models that people start with, from ``catalog.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from neuronscope.models.loading.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the catalogue. ``instead`` is the one to take where it needs code of its own."""

    model_id: str
    family: str
    sizes: Sizes
    heads: int
    kv_heads: int
    head_width: int
    tied: bool
    gated: bool
    recommended: bool
    remote_code: bool
    instead: str

    @property
    def note(self) -> str:
        if not self.remote_code:
            return ""
        return (
            "Needs its own Python code, which is not run unless a command line names it; "
            f"{self.instead} is its successor."
        )


@cache
def catalogue() -> dict[str, Row]:
    """Every row by its id, in the order of the file."""
    rows = yaml.safe_load((Path(__file__).parent / "catalog.yaml").read_text("utf-8"))
    return {row["id"]: _row(row) for row in rows}


def _row(row: dict[str, Any]) -> Row:
    width, heads = int(row["width"]), int(row["heads"])
    kv_heads = int(row.get("kv_heads", heads))
    head_width = int(row.get("head_width", width // heads))
    return Row(
        model_id=row["id"],
        family=row["family"],
        sizes=Sizes(
            parameters=int(row["parameters"]),
            linear=int(row["linear"]),
            layers=int(row["layers"]),
            width=width,
            mlp=int(row["mlp"]),
            kv_width=kv_heads * head_width,
            vocabulary=int(row["vocabulary"]),
            context=int(row["context"]),
            dtype=str(row["dtype"]),
            largest=int(row["vocabulary"]) * width,
        ),
        heads=heads,
        kv_heads=kv_heads,
        head_width=head_width,
        tied=bool(row.get("tied", False)),
        gated=bool(row.get("gated", False)),
        recommended=bool(row.get("recommended", False)),
        remote_code=bool(row.get("remote_code", False)),
        instead=str(row.get("instead", "")),
    )
