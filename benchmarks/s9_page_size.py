"""S9: gzip size of the JavaScript that the page loads before its first view: the entry, Explore, and what they import at once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from common import Result

import neuronscope

GOAL = 250_000
FIRST_VIEW = "src/views/explore/ExploreView.tsx"


def measure() -> Iterator[Result]:
    web = Path(neuronscope.__file__).parent / "web"
    manifest = json.loads((web / ".vite" / "manifest.json").read_text("utf-8"))
    wanted = [next(name for name, chunk in manifest.items() if chunk.get("isEntry")), FIRST_VIEW]
    first: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in first:
            first.add(name)
            wanted += manifest[name].get("imports", [])
    size = sum(len(gzip.compress((web / manifest[name]["file"]).read_bytes(), 9)) for name in first)
    note = f"{len(first)} files; Plotly is loaded when first drawn"
    yield Result("S9 JavaScript before the first view", size / 1000, None, None, "≤ 250 kB", size <= GOAL, "kB", note)
