from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import neuronscope as ns


def test_a_trace_opens_without_what_runs_models(tiny_models: Path, tmp_path: Path) -> None:
    trace = ns.load(tiny_models / "one").capture("one cat", points=["mlp_act"])
    trace.close()
    program = (
        "import sys, neuronscope as ns; trace = ns.open_trace(sys.argv[1]); print(trace['mlp_act.1'].shape[0], "
        "*(name for name in ('torch', 'transformers', 'sklearn') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(trace.path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(trace.tokens))]
