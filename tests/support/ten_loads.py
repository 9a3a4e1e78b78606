"""Ten models loaded, run and unloaded in turn, in a process of its own: ``python -m support.ten_loads FOLDER``.

Writes the resident bytes before and after, and after each, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(parent: str) -> None:
    """Load each model of the folder twice over, alternately in float32 and in 4 bits."""
    import psutil

    from neuronscope.capture.forward import run_prompt
    from neuronscope.models.loading.sources import BUNDLED_ID, Sources
    from neuronscope.runtime.engine import Engine
    from neuronscope.runtime.freeing import release_memory

    engine = Engine(Sources((Path(parent),)))
    names = [f"local/{folder.name}" for folder in sorted(Path(parent).iterdir())]

    def visit(name: str, quantization: str) -> int:
        engine.load(name, quantization=quantization)
        engine.run(name, lambda loaded: run_prompt(loaded, loaded.encode("a" * 60), loaded.anatomy.sites)[1].sum())
        return engine.unload(name)

    # What is loaded once and stays (libraries, bitsandbytes, the bundled model) is part of the start.
    engine.load(BUNDLED_ID)
    visit(names[0], "none")
    visit(names[0], "nf4")
    release_memory()
    process = psutil.Process()
    before = process.memory_info().rss
    after, freed = [], []
    for turn in range(10):
        freed.append(visit(names[turn % len(names)], "nf4" if turn % 3 == 2 else "none"))
        after.append(process.memory_info().rss)
    sys.stdout.write(json.dumps({"before": before, "after": after, "freed": freed}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
