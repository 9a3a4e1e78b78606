"""Which function an MLP bends its neurons with, and whether they are gated: found by trying functions on what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuronscope.models.cards.formulas.evidence import Evidence, difference

EXACT = 5e-6
"""The functions differ by more than this somewhere between -6 and 6; the two forms of GELU by 5e-4."""


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function, by its name in prose, its sign in LaTeX, and its definition there (``""`` for the plainest)."""

    name: str
    sign: str
    latex: str
    run: Callable[[Tensor], Tensor]


_GELU_TANH = r"\tfrac{x}{2}\Bigl(1+\tanh\!\bigl(\sqrt{2/\pi}\,(x+0.044715\,x^3)\bigr)\Bigr)"
_GELU_SIGMOID = r"\frac{x}{1+e^{-1.702x}}"
FUNCTIONS = (
    Function("SiLU", r"\operatorname{SiLU}", r"\frac{x}{1+e^{-x}}", functional.silu),
    Function("GELU", r"\operatorname{GELU}", r"\tfrac{x}{2}\bigl(1+\operatorname{erf}(x/\sqrt{2})\bigr)", functional.gelu),
    Function("GELU, tanh form", r"\operatorname{GELU}_{\tanh}", _GELU_TANH, lambda x: functional.gelu(x, approximate="tanh")),
    Function("GELU, sigmoid form", r"\operatorname{GELU}_\sigma", _GELU_SIGMOID, lambda x: x * torch.sigmoid(1.702 * x)),
    Function("ReLU", r"\operatorname{ReLU}", r"\max(0,x)", functional.relu),
    Function("squared ReLU", r"\operatorname{ReLU}^2", r"\max(0,x)^2", lambda x: functional.relu(x).square()),
    Function("leaky ReLU", r"\operatorname{LeakyReLU}", r"\max(0.01x,x)", functional.leaky_relu),
    Function("Mish", r"\operatorname{Mish}", r"x\tanh\ln(1+e^x)", functional.mish),
    Function("tanh", r"\tanh", "", torch.tanh),
    Function("sigmoid", r"\sigma", r"\frac{1}{1+e^{-x}}", torch.sigmoid),
    Function("identity", r"\operatorname{id}", "x", lambda x: x),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MlpFacts:
    """``gated`` is ``None`` where the MLP's own tensors could not be compared, as inside fused experts."""

    function: Function
    gated: bool | None
    difference: float
    bias: bool


@torch.no_grad()
def mlp_facts(evidence: Evidence, layer: int) -> MlpFacts | str:
    """The activation of a layer's MLP, or a sentence that says why it could not be established."""
    block = evidence.anatomy.blocks[layer]
    module = block.activation or _inside(block.mlp)
    named = _function_of(module) if module is not None else None
    bias = getattr(block.mlp_out, "bias", None) is not None
    act, pre = evidence.value("mlp_act", layer), evidence.value("mlp_pre", layer)
    gate, up = evidence.value("mlp_gate", layer), evidence.value("mlp_up", layer)
    ordered = [named[0], *(f for f in FUNCTIONS if f is not named[0])] if named is not None else list(FUNCTIONS)
    found: list[tuple[float, Function, bool]] = []
    for function in ordered if act is not None else ():
        if pre is not None:
            found.append((difference(function.run(pre), act), function, False))  # type: ignore[arg-type]
        if gate is not None and up is not None:
            found.append((difference(function.run(gate) * up, act), function, True))  # type: ignore[arg-type]
    fitting = [entry for entry in found if entry[0] <= evidence.bound]
    if fitting:
        # In a coarse dtype several functions agree with what was seen; the module, run in float32, tells them apart.
        best = next((e for e in fitting if named is not None and e[1] is named[0]), min(fitting, key=lambda e: e[0]))
        return MlpFacts(best[1], best[2], best[0], bias)
    if named is not None and act is None:
        return MlpFacts(named[0], None, named[1], bias)
    if act is None:
        return "its neurons are not served, and no activation of its own was found in the MLP"
    return "what its neurons held is none of the known functions of what entered them"


def _inside(mlp: nn.Module | None) -> nn.Module | None:
    modules: dict[str, nn.Module] = dict(mlp.named_modules()) if mlp is not None else {}
    for name, module in modules.items():
        if "act" in name.rpartition(".")[2] and not any(True for _ in module.parameters()):
            return module
    return None


def _function_of(module: nn.Module) -> tuple[Function, float] | None:
    """The function that a module without weights computes, and how far it is from it."""
    line = torch.linspace(-6, 6, 241)
    try:
        given = module(line)
    except Exception:  # a module that is no scalar function refuses in its own way
        return None
    if not isinstance(given, Tensor) or given.shape != line.shape:
        return None
    fits = [(float((function.run(line) - given).abs().max()), function) for function in FUNCTIONS]
    error, function = min(fits, key=lambda entry: entry[0])
    return (function, error) if error <= EXACT else None


def mlp_latex(facts: MlpFacts) -> str:
    """The MLP as a formula, its activation written out."""
    sign, tail = facts.function.sign, r"+b_{\text{out}}" if facts.bias else ""
    if facts.gated:
        body = rf"W_{{\text{{down}}}}\bigl({sign}(W_{{\text{{gate}}}}x)\odot W_{{\text{{up}}}}x\bigr){tail}"
    elif facts.gated is None:
        body = r"\ldots " + sign + r"(\cdot)\ldots"
    else:
        body = rf"W_{{\text{{out}}}}\,{sign}(W_{{\text{{in}}}}x{'+b' if facts.bias else ''}){tail}"
    where = rf",\qquad {sign}(x)={facts.function.latex}" if facts.function.latex else ""
    return (rf"\operatorname{{MLP}}(x)={body}" if facts.gated is not None else "") + (
        where if facts.gated is not None else rf"{sign}(x)={facts.function.latex or sign + '(x)'}"
    )


def mlp_words(facts: MlpFacts) -> str:
    """The same in words."""
    kind = {True: "gated", False: "not gated", None: "inside fused experts"}[facts.gated]
    return f"MLP with {facts.function.name}, {kind}{', with biases' if facts.bias else ''}"
