"""What the comparisons of :mod:`support.truth` share: their result, and which layers serve a point."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn import functional

from neuronscope.models.loaded import LoadedModel

LENGTH, PADDED = 9, 12


@dataclass
class Truth:
    """What was compared, how far it was off at most, and what did not hold."""

    compared: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    largest: float = 0.0
    """Largest difference from what Hugging Face itself reports: hidden states and rows of eager attention."""
    unseen: list[str] = field(default_factory=list)
    """What Hugging Face does not report for this family, so that there was nothing to compare with."""

    def near(self, what: str, got: Tensor, expected: Tensor, bound: float = 1e-5) -> bool:
        """Compare two tensors and keep the largest difference."""
        if got.shape != expected.shape:
            self.wrong.append(f"{what}: {tuple(got.shape)} is not {tuple(expected.shape)}")
            return False
        off = float((got.float() - expected.float()).abs().max()) if got.numel() else 0.0
        kind = what.split(" ")[0].split(".")[0]
        self.compared[kind] = max(self.compared.get(kind, 0.0), off)
        if "hidden states" in what or "eager" in what:
            self.largest = max(self.largest, off)
        size = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
        if not off <= bound * size:
            self.wrong.append(f"{what}: off by {off:.2e}")
            return False
        return True


def served(loaded: LoadedModel, point: str) -> list[int]:
    """Layers that serve a point."""
    return [a.layer for a in loaded.anatomy.sites if a.point == point and a.layer is not None]


def linear(module: nn.Module, given: Tensor) -> Tensor:
    """What a linear layer makes of a tensor, from its weights alone."""
    weight, bias = module.weight, getattr(module, "bias", None)
    assert isinstance(weight, Tensor)
    turned = weight if hasattr(module, "in_features") else weight.T  # Conv1D keeps its weight the other way round
    return functional.linear(given, turned, bias if isinstance(bias, Tensor) else None)
