"""Look inside a transformer language model: ``import neuronscope as ns; scope = ns.load("neuronscope/tiny")``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuronscope.version import VERSION as __version__

if TYPE_CHECKING:
    from neuronscope.runtime.precision import compare_precisions
    from neuronscope.runtime.scope import Scope, load, open_index, open_trace, open_traces, wrap

__all__ = ["Scope", "__version__", "compare_precisions", "load", "open_index", "open_trace", "open_traces", "wrap"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and `neuronscope --help` has half of one.
    if name in __all__:
        from neuronscope.runtime import precision, scope

        return getattr(precision if name == "compare_precisions" else scope, name)
    raise AttributeError(f"module 'neuronscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
