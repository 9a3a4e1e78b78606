"""Which architectures can't be loaded, told from ``config.json`` alone, before transformers is imported.

Importing its tables takes a second, and a list of models must be quick: they are read as the text that they are. What
can't be read so, or was registered by a program of its own, is left for loading to judge.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_PAIR = re.compile(r"""["']([\w.-]+)["'](?:,|:) ["'](\w+)["']""")
_CAUSAL = re.compile(r"^MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = (.*?)^\)", re.DOTALL | re.MULTILINE)
_FEWEST = 50


def never_loads(config: Mapping[str, Any]) -> str:
    """Why no causal language model can be made of a model with this ``config.json``; empty where nothing speaks against it."""
    kind = config.get("model_type")
    if config.get("auto_map") or not isinstance(kind, str):
        return ""
    if config.get("is_encoder_decoder") is True:
        return f"It has an encoder and a decoder ({kind[:60]}); NeuronScope reads decoder-only models."
    known, causal = architectures()
    if len(known) < _FEWEST or len(causal) < _FEWEST or _registered():
        return ""
    if kind not in known:
        return f"This version of transformers knows no architecture '{kind[:60]}'."
    if known[kind] not in {known.get(name) for name in causal}:
        return f"{kind} is no causal language model: it can't go on with a text."
    return ""


@cache
def architectures() -> tuple[dict[str, str], frozenset[str]]:
    """Every ``model_type`` of transformers with its configuration's class, and those of causal language models."""
    spec = find_spec("transformers")
    if spec is None or spec.origin is None:
        return {}, frozenset()
    folder = Path(spec.origin).parent / "models" / "auto"
    try:
        texts = [(folder / f"{name}.py").read_text("utf-8") for name in ("auto_mappings", "configuration_auto")]
        causal = _CAUSAL.search((folder / "modeling_auto.py").read_text("utf-8"))
    except OSError:
        return {}, frozenset()
    known = {
        kind: name
        for text in texts
        for kind, name in _PAIR.findall(text)
        if name.endswith("Config") and name != "AutoConfig"
    }
    return known, frozenset(kind for kind, _ in _PAIR.findall(causal[1])) if causal else frozenset()


def _registered() -> bool:
    """Whether a program made architectures of its own known to transformers."""
    configs = sys.modules.get("transformers.models.auto.configuration_auto")
    models = sys.modules.get("transformers.models.auto.modeling_auto")
    tables = (getattr(configs, "CONFIG_MAPPING", None), getattr(models, "MODEL_FOR_CAUSAL_LM_MAPPING", None))
    return any(getattr(table, "_extra_content", None) for table in tables)
