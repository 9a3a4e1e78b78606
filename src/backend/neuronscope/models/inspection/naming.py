"""Modules that a person names by hand, where inspection does not find them; they are proved just the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from torch import nn

from neuronscope.core.errors import BadRequest, UnsupportedModel

HINT = "Name modules by hand with modules={'blocks': 'model.layers', 'attn_out': 'self_attn.o_proj', …}."


@dataclass(frozen=True, slots=True)
class ModuleNames:
    """Dotted names. ``blocks`` and ``final_norm`` start at the model's root, all others inside a block."""

    blocks: str | None = None
    final_norm: str | None = None
    attention: str | None = None
    attn_out: str | None = None
    q: str | None = None
    k: str | None = None
    v: str | None = None
    qkv: str | None = None
    mlp: str | None = None
    mlp_in: str | None = None
    gate: str | None = None
    up: str | None = None
    gate_up: str | None = None
    mlp_out: str | None = None
    ln1: str | None = None
    ln2: str | None = None

    @classmethod
    def parse(cls, names: Mapping[str, str] | None) -> ModuleNames:
        """From a mapping as a caller writes it. Raises :class:`BadRequest` for unknown keys and empty names."""
        known = [field.name for field in fields(cls)]
        for key, value in (names or {}).items():
            if key not in known:
                raise BadRequest(f"There is no module called {key!r} to name.", f"Known are: {', '.join(known)}.")
            if not isinstance(value, str) or not value.strip("."):
                raise BadRequest(f"The name of {key} is empty.", "Give a dotted name such as 'self_attn.o_proj'.")
        return cls(**(names or {}))

    def module(self, parent: nn.Module, key: str) -> nn.Module:
        """The module that ``key`` names within ``parent``. Raises :class:`UnsupportedModel` with those that it has."""
        name = getattr(self, key)
        try:
            return parent.get_submodule(name)
        except AttributeError:
            have = ", ".join(n for n, _ in parent.named_modules() if n and n.count(".") <= 2) or "none"
            short = have if len(have) <= 600 else have[:599] + "…"
            raise UnsupportedModel(
                f"{type(parent).__name__} has no module named {name!r}, given for {key}.", f"Its modules: {short}."
            ) from None

    def inside(self, block: nn.Module, key: str) -> nn.Module | None:
        """Likewise inside a block, ``None`` where no name was given, or where this one block lacks it.

        Layers of hybrid models differ, so that a name need not stand for a module in each of them.
        """
        name = getattr(self, key)
        if name is None:
            return None
        try:
            return block.get_submodule(name)
        except AttributeError:
            return None

    def points(self) -> dict[str, tuple[str, ...]]:
        """The points that each name given inside a block is for."""
        table = {
            "attention": ("attn_weights",),
            "attn_out": ("attn_out",),
            "q": ("q",),
            "k": ("k",),
            "v": ("v",),
            "qkv": ("q", "k", "v"),
            "mlp_in": ("mlp_pre",),
            "gate": ("mlp_gate",),
            "up": ("mlp_up",),
            "gate_up": ("mlp_gate", "mlp_up"),
            "mlp_out": ("mlp_act", "mlp_out"),
            "ln1": ("ln1",),
            "ln2": ("ln2",),
        }
        return {key: points for key, points in table.items() if getattr(self, key) is not None}

    def check_inside(self, blocks: list[nn.Module]) -> None:
        """Raises :class:`UnsupportedModel` for a name that no block has."""
        for field in fields(self):
            key = field.name
            if key in ("blocks", "final_norm") or getattr(self, key) is None:
                continue
            if all(self.inside(block, key) is None for block in blocks):
                self.module(blocks[0], key)
