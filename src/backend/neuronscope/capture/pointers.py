"""Compiled loops read tensors where they lie: an array costs Python half a microsecond for each tensor, a number a tenth.

Whoever hands over an address holds what lies there. For compiled loops only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray


def _pointer_of(kind: Any) -> Any:
    def pointer(_context: Any, address: Any) -> Any:
        to: Any = types.CPointer

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            wanted = context.get_value_type(signature.return_type)
            number = isinstance(address, types.Integer)
            return builder.inttoptr(args[0], wanted) if number else builder.bitcast(args[0], wanted)

        return to(kind)(address), generate

    return intrinsic(pointer)


_float32, _int32, _int64 = _pointer_of(types.float32), _pointer_of(types.int32), _pointer_of(types.int64)


@njit(cache=True, nogil=True)
def floats_at(address: int, count: int) -> NDArray[np.float32]:
    """So many float32 values at an address."""
    found: NDArray[np.float32] = carray(_float32(address), (count,))
    return found


@njit(cache=True, nogil=True)
def ints_at(address: int, count: int) -> NDArray[np.int32]:
    """So many int32 values at an address."""
    found: NDArray[np.int32] = carray(_int32(address), (count,))
    return found


@njit(cache=True, nogil=True)
def longs_at(address: Any, count: int) -> NDArray[np.int64]:
    """So many int64 values at an address, or where a pointer points."""
    found: NDArray[np.int64] = carray(_int64(address), (count,))
    return found
