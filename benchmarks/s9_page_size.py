"""S9: gzip size of the JavaScript that the page loads before its first view."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from common import Result

import neuronscope

GOAL = 250_000


def measure() -> Iterator[Result]:
    web = Path(neuronscope.__file__).parent / "web"
    page = (web / "index.html").read_text("utf-8")
    first = re.findall(r'(?:src|href)="/?(assets/[^"]+\.js)"', page)
    size = sum(len(gzip.compress((web / name).read_bytes(), 9)) for name in first)
    yield Result(
        "S9 JavaScript before the first view", size / 1000, None, None, "≤ 250 kB", size <= GOAL, "kB", ", ".join(first)
    )
