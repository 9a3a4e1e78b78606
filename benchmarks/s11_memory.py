"""S11: the peak memory of an index build over four times the tokens against that over one time, each in its own process.

What is measured is the most that a process held in memory, once with the pages of files that it had mapped (VmHWM) and once
without them (RssAnon, looked at every few milliseconds). The state of a build grows with units, not with the corpus; the model
is small, so that there is little for a growth to hide behind. Linux only, as both figures are the kernel's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

TOKENS = 1_000_000
LAYERS, NEURONS = 2, 1024
LOOK = 0.005
"""Seconds between two looks at RssAnon."""


def measure() -> Iterator[object]:
    from common import Result

    small, large = (_peaks(tokens) for tokens in (TOKENS, 4 * TOKENS))
    for field, what in (("VmHWM", "with mapped files"), ("RssAnon", "without mapped files")):
        one, four = small[field], large[field]
        grown = four / one - 1
        note = (
            f"{LAYERS} layers of {NEURONS} neurons, {small['tokens'] / 1e6:.3g}M and {large['tokens'] / 1e6:.3g}M tokens; "
            f"grows by {grown:.1%}; {small['before']:.0f} MB before the build, with mapped files"
        )
        yield Result(
            f"S11 peak memory of a build, {what}", four, one, four / one, "grows < 5%", grown < 0.05, "MB", note
        )


def _peaks(tokens: int) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, str(tokens)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def build(tokens: int) -> dict[str, float]:
    """Build an index over so many tokens of a corpus that is made as it is read; peaks of this process in MB."""
    import zipf

    from neuronscope.corpus.builder import build_index
    from neuronscope.corpus.readers import Corpus, Document
    from neuronscope.models.loading.loader import wrap

    loaded = wrap(zipf.model(LAYERS, NEURONS), zipf.tokenizer(), "narrow")
    corpus = Corpus("zipf", lambda: (Document(n, text) for n, text in enumerate(zipf.texts(tokens))))
    before, most, over = _status("VmHWM"), 0.0, threading.Event()

    def look() -> None:
        nonlocal most
        while not over.wait(LOOK):
            most = max(most, _status("RssAnon"))

    watcher = threading.Thread(target=look)
    watcher.start()
    with tempfile.TemporaryDirectory() as home:
        index = build_index(loaded, corpus, Path(home) / "x")
    over.set()
    watcher.join()
    return {"before": before, "VmHWM": _status("VmHWM"), "RssAnon": most, "tokens": index.manifest.tokens}


def _status(field: str) -> float:
    """A figure of ``/proc/self/status``, in MB."""
    with Path("/proc/self/status").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


if __name__ == "__main__":
    print(json.dumps(build(int(sys.argv[1]))))
