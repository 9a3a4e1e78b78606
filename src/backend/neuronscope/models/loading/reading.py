"""Reading a model's weights through transformers: one load at a time, watched by bytes, stopped at the next tensor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transformers import AutoModelForCausalLM
from transformers import modeling_gguf_pytorch_utils as unpacker
from transformers.utils import logging as model_logging

from neuronscope.models.loading.memory import large_blocks_apart
from neuronscope.models.turns import TURNS, one_load

Progress = Callable[[int, int | None, str], None]
"""Takes bytes done, bytes in all (None while unknown) and the phase: ``fetch`` or ``load``."""


def read_model(
    folder: str, options: Mapping[str, Any], stored: Mapping[str, int], progress: Progress, check: Callable[[], None]
) -> tuple[Any, dict[str, Any]]:
    """``AutoModelForCausalLM.from_pretrained``, and its account of which weights were missing or did not fit.

    ``stored`` are the bytes of each tensor in the files, for ``progress``. ``check`` is asked before each tensor and
    while another load has its turn; what it raises ends the load.
    """
    with one_load(check):
        TURNS.take(check)
        with large_blocks_apart(keep="quantization_config" in options), _made_and_watched(stored, progress, check):
            # With loading info it returns a pair, which its annotation does not say.
            pair: Any = AutoModelForCausalLM.from_pretrained(folder, **options, output_loading_info=True)
    return pair[0], pair[1]


@contextmanager
def _made_and_watched(stored: Mapping[str, int], progress: Progress, check: Callable[[], None]) -> Iterator[None]:
    """transformers opens a bar when the modules are made and the weights' turn comes: the sign that others may run."""
    mine = threading.get_ident()
    watch = _Watch(stored, progress, check)
    given = False

    def give_once() -> None:
        nonlocal given
        if not given:
            given = True
            TURNS.give()

    def hook(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if threading.get_ident() != mine:
            return factory(*args, **kwargs)
        give_once()
        check()
        items = args[0] if args else kwargs.get("iterable")
        return factory(*args, **{**kwargs, "disable": True}) if items is None else watch.over(items)

    def unpacking(*args: Any, **kwargs: Any) -> Any:
        return hook(plain, args, kwargs)

    # The unpacking of GGUF files goes past transformers' own bars, so its name for them is changed for this load.
    module: Any = unpacker
    plain, before = module.tqdm, model_logging.set_tqdm_hook(hook)
    module.tqdm = unpacking
    try:
        yield
    finally:
        module.tqdm = plain
        model_logging.set_tqdm_hook(before)
        give_once()


class _Watch:
    """Counts bytes while transformers goes over its tensors, once or (unpacked first, then placed) twice."""

    def __init__(self, stored: Mapping[str, int], progress: Progress, check: Callable[[], None]) -> None:
        self._stored, self._progress, self._check = stored, progress, check
        self._total = sum(stored.values())
        self._told = -1

    def over(self, items: Iterable[Any]) -> Iterator[Any]:
        done = 0
        self._tell(0)
        for item in items:
            self._check()
            yield item
            done += sum(self._stored.get(name, 0) for name in _sources(item))
            self._tell(done)
        self._check()
        self._tell(self._total)

    def _tell(self, done: int) -> None:
        if done > self._told:
            self._told = done
            self._progress(done, self._total, "load")


def _sources(item: Any) -> set[str]:
    """Names in the file of the tensors that one parameter is made of."""
    name, mapping = item if isinstance(item, tuple) and len(item) == 2 else (getattr(item, "name", None), None)
    targets = getattr(mapping, "layer_targets", None)
    if isinstance(targets, Mapping) and targets:
        return set().union(*targets.values())
    return {name} if isinstance(name, str) else set()
