"""What a load really takes: run as a program of its own, so that nothing else is in its memory.

``python -m support.loading FOLDER DTYPE QUANTIZATION`` prints JSON: the estimate, and what was measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]


def measure_load(folder: Path, dtype: str, quantization: str) -> dict[str, Any]:
    """The figures of one load in a fresh process, in bytes."""
    command = [sys.executable, "-m", "support.loading", str(folder), dtype, quantization]
    # With as many threads as a user's process has, since each may hold buffers of its own.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        command, cwd=TESTS, env={**environment, "PYTHONPATH": str(TESTS)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def own_bytes() -> int:
    """Memory that is this process's alone: pages of mapped files, which the system can drop at any time, are not."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("this needs Linux")


class Peak:
    """Watches :func:`own_bytes` from a thread."""

    def __init__(self) -> None:
        self.highest = own_bytes()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            self.highest = max(self.highest, own_bytes())
            time.sleep(0.001)


def main(folder: str, dtype: str, quantization: str) -> None:
    """Warm up as a server does, then load and capture a prompt of the stated context beside a cache of it, watching."""
    import psutil

    from neuronscope.capture.forward import run_prompt
    from neuronscope.models.loading.memory import CONTEXT
    from neuronscope.models.loading.sources import BUNDLED_ID, Sources, folder_source
    from neuronscope.runtime.engine import Engine, import_model_stack
    from neuronscope.runtime.freeing import release_memory

    import_model_stack()
    from neuronscope.models.loading.quantize import import_bitsandbytes

    import_bitsandbytes()
    source = folder_source(Path(folder))

    class Sourced(Sources):
        def find(self, model_id: str) -> Any:
            return source if model_id == folder else super().find(model_id)

    engine = Engine(Sourced())
    engine.run(BUNDLED_ID, lambda loaded: run_prompt(loaded, loaded.encode("warm"), loaded.anatomy.sites))
    release_memory()
    before, resident = own_bytes(), psutil.Process().memory_info().rss
    start = time.perf_counter()
    found = engine.estimate(folder, dtype=dtype, quantization=quantization)
    told = time.perf_counter() - start
    assert found.choice is not None
    with Peak() as peak:
        loaded = engine.load(folder, dtype=dtype, quantization=quantization)
        loading = peak.highest - before
        weights, ids = loaded.weight_bytes, loaded.tokenizer.vocab_size
        assert ids
        encoded = loaded.encode("a" * (min(loaded.context_length or CONTEXT, CONTEXT) - 1))
        points = [a for a in loaded.anatomy.sites if a.point in ("mlp_act", "resid_post")]
        del loaded
        cache = engine.run(folder, lambda loaded: _cache_of(loaded, encoded))
        release_memory()  # of what the pass that made it has left in the heap
        tensors = engine.run(folder, lambda loaded: run_prompt(loaded, encoded, points))
        running = own_bytes() - before
        taken = peak.highest - before
    del tensors, cache
    release_memory()
    settled = psutil.Process().memory_info().rss - resident
    engine.unload(folder)
    release_memory()
    demand = found.choice.demand
    figures = {
        "estimate": demand.bytes, "weights_estimate": demand.weights, "weights": weights, "loading": loading,
        "running": running, "taken": taken, "settled": settled, "left": own_bytes() - before, "seconds": told,
    }  # fmt: skip
    sys.stdout.write(json.dumps(figures) + "\n")


def _cache_of(loaded: Any, encoded: Any) -> Any:
    """The keys and values of a prompt."""
    import torch

    with torch.no_grad():
        return loaded.model(input_ids=torch.tensor([encoded.ids]), use_cache=True).past_key_values


if __name__ == "__main__":
    main(*sys.argv[1:])
