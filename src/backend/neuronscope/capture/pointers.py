"""Compiled loops read tensors where they lie: an array costs Python half a microsecond for each tensor, a number a tenth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray


@intrinsic
def _pointer(_context: Any, _address: Any) -> Any:
    pointer: Any = types.CPointer
    signature = pointer(types.float32)(types.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return signature, generate


pointer_to: Any = _pointer


@njit(cache=True, nogil=True, inline="always")
def floats_at(address: int, count: int) -> NDArray[np.float32]:
    """So many float32 values at an address; whoever asks holds what lies there. For compiled loops only."""
    found: NDArray[np.float32] = carray(pointer_to(address), (count,))
    return found
