"""Giving memory back, and telling when there is none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from neuronscope.core.errors import InsufficientMemory
from neuronscope.models.loading.memory import return_pages


def release_memory() -> None:
    """Give freed memory back to the system: Python's, torch's on GPUs, and the C library's."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return_pages()


@contextmanager
def out_of_memory_is_an_answer(model_id: str) -> Iterator[None]:
    """Within it, running out of memory raises :class:`InsufficientMemory`, and what was being made is given back."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        where = "the GPU's memory" if "CUDA" in str(error) else "memory"
        failure = InsufficientMemory(
            f"{model_id} ran out of {where}.",
            "Take a shorter text or fewer points, unload other models, or load it in nf4.",
        )
    else:
        return
    # Outside of the handler, so that the frames that hold the tensors are gone.
    release_memory()
    raise failure


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error) or "out of memory" in str(error)
