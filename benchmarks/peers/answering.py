"""One side of a comparison: a process that runs what it is asked for by name, and says how long it took and what it found.

The other side of :mod:`asking`. Both environments import this, so it needs nothing but Python.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def answer(about: dict[str, Any], ways: Mapping[str, Callable[[], Any]]) -> None:
    """Say what this process is, then run the way that each line of standard input names, until there are no more.

    An answer is a line of JSON, ``{"seconds": …, "found": …}``. A way that raises ends the process, with the reason on
    standard error.
    """
    answers = os.fdopen(os.dup(1), "w")
    # Libraries print; what they print must not look like an answer.
    os.dup2(2, 1)
    print(json.dumps(about), file=answers, flush=True)
    for line in sys.stdin:
        way = ways[line.strip()]
        start = time.perf_counter()
        found = way()
        taken = time.perf_counter() - start
        print(json.dumps({"seconds": taken, "found": found}), file=answers, flush=True)
