"""Look inside a transformer language model: ``import neuronscope as ns; scope = ns.load("neuronscope/tiny")``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neuronscope.version import VERSION as __version__

if TYPE_CHECKING:
    from neuronscope.runtime.precision import compare_precisions
    from neuronscope.runtime.scope import Scope, load, wrap
    from neuronscope.runtime.stored import open_index, open_trace, open_traces

_HOMES = {
    "Scope": "scope",
    "compare_precisions": "precision",
    "load": "scope",
    "open_index": "stored",
    "open_trace": "stored",
    "open_traces": "stored",
    "wrap": "scope",
}
__all__ = ["Scope", "__version__", "compare_precisions", "load", "open_index", "open_trace", "open_traces", "wrap"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import: `neuronscope --help` has half of one, and a trace opens without it.
    if name in _HOMES:
        return getattr(import_module(f"neuronscope.runtime.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'neuronscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
