"""Compiles the loops of a step, or reads them from where they were kept, before a first run waits for it."""

from __future__ import annotations

import numpy as np


def prepare() -> None:
    """All that a run on a CPU calls; some seconds the first time on a machine."""
    from neuronscope.capture import step_work
    from neuronscope.capture.lay_kernel import lay_rows, lay_summaries
    from neuronscope.capture.likely_kernel import likeliest

    rows, heads = step_work.Rows(1, 2, 1), step_work.Heads(1, 1, 1)
    out, starts = np.zeros(200, np.uint8), np.zeros(1, np.int64)
    lay_rows(out, starts, starts, (0, 0), np.zeros(7, np.int64), (True, True), rows.stats, rows.indices, rows.values)
    likeliest(np.zeros(2, np.float32), np.zeros(1, np.int64))
    summaries = heads.keys, heads.weights, heads.entropy
    lay_summaries(out, starts, (0, 0, 0, 0, 0), starts, 1, True, (0, 1), *summaries)
