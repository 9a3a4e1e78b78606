from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from neuronscope.corpus import kernels, warm
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts
from support.runs import tiny

loops = [getattr(kernels, n) for n in ("sum_blocks", "keep_strongest", "fill_excerpts", "absorb_hits", "spread_rows")]
warm.prepare()
before = [list(loop.signatures) for loop in loops]
build_index(tiny("llama"), from_texts(["abc " * 40] * 9), Path(sys.argv[1]), k=3, settings=Settings(histogram=1.0))
assert before == [list(loop.signatures) for loop in loops], [loop.signatures for loop in loops]
assert all(len(signatures) == 1 for signatures in before)
print("prepared")
"""


def test_a_build_meets_no_loop_that_is_not_compiled(tmp_path: Path) -> None:
    """In a process of its own: numba compiles a loop for each kind of arguments that it meets."""
    tests = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "index")]
    found = subprocess.run(command, cwd=tests, capture_output=True, text=True, timeout=300, check=False)
    assert found.stdout.strip() == "prepared", found.stderr
