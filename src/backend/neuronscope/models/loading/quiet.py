"""transformers' own tables, advice and bars kept back while a model is loaded: what went wrong is said here, once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as model_logging

_lock = threading.Lock()
_inside = 0
_before: tuple[int, bool] = (logging.WARNING, True)


@contextmanager
def quiet() -> Iterator[None]:
    """Only errors are logged, and no bars drawn, until the last of several loads ends; then all is as it was before.

    Whoever asked transformers for more than its usual warnings (``TRANSFORMERS_VERBOSITY=info``) still gets it.
    """
    global _inside, _before
    with _lock:
        if _inside == 0:
            _before = (model_logging.get_verbosity(), model_logging.is_progress_bar_enabled())
            if _before[0] == logging.WARNING:
                model_logging.set_verbosity_error()
            if _before[1]:
                model_logging.disable_progress_bar()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                model_logging.set_verbosity(_before[0])
                if _before[1]:
                    model_logging.enable_progress_bar()
