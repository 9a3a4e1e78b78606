"""The statistics of a tensor, by name."""

from __future__ import annotations

STATS = ("mean", "std", "min", "max", "l2", "sparsity", "p99")
"""In the order in which they are computed, kept and sent: the standard deviation is the population's, sparsity the share
of values with |x| < 1e-3 · max|x|, p99 the 99th percentile."""
