"""Taps: reading the tensors of a forward pass without changing it."""
