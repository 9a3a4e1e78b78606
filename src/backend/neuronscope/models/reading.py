"""Reading a model's weights through transformers: one load at a time, watched by bytes, stopped at the next tensor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transformers import AutoModelForCausalLM
from transformers.utils import logging as model_logging

from neuronscope.models.memory import return_pages
from neuronscope.models.turns import TURNS, one_load

SWEEP = 64 << 20
"""Bytes read between two sweeps: converting a tensor leaves a hole in the heap that the next one may not fill, and
without sweeps loading in 4 bits holds as much again as the whole model in full precision."""

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
        with _made_and_watched(stored, progress, check):
            # With loading info it returns a pair, which its annotation does not say.
            pair: Any = AutoModelForCausalLM.from_pretrained(folder, **options, output_loading_info=True)
    return pair[0], pair[1]


@contextmanager
def _made_and_watched(stored: Mapping[str, int], progress: Progress, check: Callable[[], None]) -> Iterator[None]:
    """transformers opens a bar when the modules are made and the weights' turn comes: the sign that others may run."""
    mine = threading.get_ident()
    giving = threading.Lock()
    given = False

    def give_once() -> None:
        nonlocal given
        with giving:
            if not given:
                given = True
                TURNS.give()

    def hook(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if threading.get_ident() != mine:
            return factory(*args, **kwargs)
        give_once()
        check()
        if args and hasattr(args[0], "__len__"):
            return _watched(args[0], stored, progress, check)
        return factory(*args, **{**kwargs, "disable": True})

    before = model_logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        model_logging.set_tqdm_hook(before)
        give_once()


def _watched(
    items: Iterable[Any], stored: Mapping[str, int], progress: Progress, check: Callable[[], None]
) -> Iterator[Any]:
    total = sum(stored.values())
    done = kept = 0
    progress(done, total, "load")
    for item in items:
        check()
        yield item
        done += sum(stored.get(name, 0) for name in _sources(item))
        progress(done, total, "load")
        if done - kept >= SWEEP:
            kept = done
            return_pages()
    check()
    progress(total, total, "load")


def _sources(item: Any) -> set[str]:
    """Names in the file of the tensors that one parameter is made of."""
    name, mapping = item if isinstance(item, tuple) and len(item) == 2 else (None, item)
    targets = getattr(mapping, "layer_targets", None)
    if isinstance(targets, Mapping) and targets:
        return set().union(*targets.values())
    return {name} if isinstance(name, str) else set()
