"""What a unit writes: its direct path to the logits, read off the weights alone.

A unit that adds to the residual stream reaches the logits directly: its direction in the stream through the final norm and
the head. This is the logit lens (nostalgebraist 2020) of a weight, the direct path of Elhage et al. 2021: what later layers
make of it is left out. A norm is linear but for its division by the size of what it takes, which differs from token to
token; that division is left out as well, which changes neither the order of the tokens nor their signs.

Nothing is taken from a family's name: each step of the path is checked against what one small forward pass recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import PointUnavailable
from neuronscope.models.cards.formulas.block import Branch, flow_of
from neuronscope.models.cards.formulas.ends import logit_facts
from neuronscope.models.cards.formulas.evidence import Evidence, difference, gather, ratio
from neuronscope.models.cards.formulas.norm import norm_facts
from neuronscope.models.inspection.probe import same
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.quantized import dense_weight

ROWS = 1 << 13
"""Rows of the head that are multiplied at a time."""
BRANCHES = {
    "mlp_act": "mlp",
    "mlp_out": "mlp",
    "mlp_add": "mlp",
    "attn_out": "attention",
    "attn_add": "attention",
}
"""Points that write to the stream, and the part of a block that they belong to."""
STREAM = ("resid_pre", "resid_mid", "resid_post")

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class WrittenToken:
    """``logit`` is what one unit of activation adds to the token's logit, before the norms divide."""

    id: int
    token: str
    logit: float


@dataclass(frozen=True, slots=True)
class Writes:
    """The tokens that a unit directly raises most and lowers most; special tokens are left out.

    ``mean`` and ``std`` are of all logits of the vocabulary: against these a value is large or small. ``left_out`` says
    in sentences what the path does not hold.
    """

    unit: str
    top: list[WrittenToken]
    bottom: list[WrittenToken]
    mean: float
    std: float
    left_out: list[str]


@torch.no_grad()
def writes(loaded: LoadedModel, unit: Unit, k: int = 10) -> Writes:
    """The ``k`` tokens whose logits a unit directly raises most, strongest first, and the ``k`` that it lowers most.

    Raises :class:`BadAddress` for a unit that the model lacks, :class:`PointUnavailable` where nothing leads from it
    straight to the logits, with the reason.
    """
    loaded.anatomy.check_unit(unit)
    layer, point = unit.address.layer, unit.address.point
    if layer is None or point not in (*BRANCHES, *STREAM):
        raise _refused(unit, f"{point} is not added to the residual stream")
    with loaded.lock:
        evidence = gather(loaded.model, loaded.anatomy, range(layer, loaded.anatomy.layer_count))
    left_out = ["what later layers make of it"] if layer + 1 < loaded.anatomy.layer_count else []
    branch = _branch(evidence, unit, layer)
    direction = _direction(evidence, unit, layer)
    if branch is not None and point not in ("mlp_add", "attn_add"):
        direction = direction * branch.factor
        if branch.post is not None:
            direction = _linear(evidence, branch.post, unit)(direction)
            left_out.append("the division by the size of what this part gives, in the norm after it")
    logits = _through_end(evidence, unit, direction, left_out)
    known = min(len(logits), len(loaded.tokenizer))
    plain = torch.tensor([i for i in range(known) if i not in loaded.special_ids])
    values = logits[plain]
    order = values.argsort(descending=True, stable=True)
    count = min(k, len(order))

    def named(places: Tensor) -> list[WrittenToken]:
        ids = plain[places].tolist()
        return [WrittenToken(i, loaded.token_text(i), float(logits[i])) for i in ids]

    return Writes(
        unit=str(unit),
        top=named(order[:count]),
        bottom=named(order.flip(0)[:count]),
        mean=float(values.double().mean()),
        std=float(values.double().std(correction=0)),
        left_out=left_out,
    )


def _branch(evidence: Evidence, unit: Unit, layer: int) -> Branch | None:
    """The part of its block that the unit belongs to, once this block and all later ones are known to add to one stream."""
    blocks, seen = evidence.anatomy.blocks, evidence.seen
    mine: Branch | None = None
    for number in range(layer, len(blocks)):
        flow = flow_of(evidence, number)
        if not flow.branches or any(not b.added or b.normed_sum is not None for b in flow.branches):
            raise _refused(unit, f"layer {number} does not simply add to the stream that runs through it")
        if number + 1 < len(blocks):
            given, taken = seen.outputs.get(blocks[number].module), seen.inputs.get(blocks[number + 1].module)
            if not same(given, taken):
                raise _refused(unit, f"layer {number + 1} does not take what layer {number} gives")
        if number == layer and unit.address.point in BRANCHES:
            wanted = BRANCHES[unit.address.point]
            mine = next((b for b in flow.branches if b.name == wanted), None)
            if mine is None:
                raise _refused(unit, "its part of the block could not be told from one pass")
    return mine


def _direction(evidence: Evidence, unit: Unit, layer: int) -> Tensor:
    """What one unit of activation adds, float32 ``[d_model]``, before norms and constants of its block."""
    if unit.address.point != "mlp_act":
        found = torch.zeros(evidence.anatomy.d_model)
        found[unit.index] = 1
        return found
    module = evidence.anatomy.blocks[layer].mlp_out
    assert module is not None  # the point is served, and this is the module whose input it is
    return _matrix(evidence, module, unit, "its output projection")[:, unit.index].float().cpu()


def _matrix(evidence: Evidence, module: nn.Module, unit: Unit, name: str) -> Tensor:
    """The weights of a linear layer of any make, ``[out, in]``, once they are known to give what it gave."""
    taken, given, weight = evidence.seen.inputs.get(module), evidence.seen.outputs.get(module), dense_weight(module)
    if weight is not None and weight.ndim == 2 and taken is not None and given is not None:
        taken = taken.to(weight.device)
        for matrix in (weight, weight.T):
            if (taken.shape[-1], given.shape[-1]) == (matrix.shape[1], matrix.shape[0]):
                product = functional.linear(taken.to(matrix.dtype), matrix, getattr(module, "bias", None))
                if difference(product.float(), given.float()) <= evidence.bound:
                    return matrix
    raise _refused(unit, f"{name} is not a plain product with its weights")


def _linear(evidence: Evidence, norm: nn.Module, unit: Unit) -> Step:
    """A norm without its bias and its division: centred where it centres, times its weights."""
    facts = norm_facts(norm, evidence.anatomy.d_model)
    if isinstance(facts, str):
        raise _refused(unit, facts)
    weight = dense_weight(norm) if facts.weight != "none" else None
    gain = torch.ones(facts.width) if weight is None else weight.float().cpu()
    gain = gain + 1 if facts.weight == "plus one" else gain

    def step(direction: Tensor) -> Tensor:
        return gain * (direction - direction.mean() if facts.kind == "layer" else direction)

    return step


def _through_end(evidence: Evidence, unit: Unit, direction: Tensor, left_out: list[str]) -> Tensor:
    """Logits ``[vocabulary]`` on the CPU that a direction of the last stream adds to."""
    model, seen = evidence.model, evidence.seen
    head = model.get_output_embeddings()
    facts = logit_facts(evidence)
    last, entered = seen.outputs.get(evidence.anatomy.blocks[-1].module), seen.inputs.get(head)
    if head is None or last is None or entered is None:
        raise _refused(unit, "it has no head that takes the stream")
    before = facts.before
    final = evidence.anatomy.sites.get(Address("ln_f"))
    if facts.normed and final is not None:
        direction = _linear(evidence, final.module, unit)(direction)
        left_out.append("the division by the size of the stream, in the final norm")
    else:
        before = ratio(last.float(), entered.float(), evidence.bound)
    if before is None or (facts.scale is None and facts.cap is None):
        raise _refused(unit, "what stands between the last block and the logits could not be told from one pass")
    if facts.cap is not None:
        left_out.append(f"the cap of its logits at {facts.cap:g}")
    matrix = _matrix(evidence, head, unit, "its head")
    vector = direction.to(matrix.device) * before
    found = [rows.float() @ vector for rows in matrix.split(ROWS)]
    return torch.cat(found).cpu() * (facts.scale or 1.0)


def _refused(unit: Unit, reason: str) -> PointUnavailable:
    return PointUnavailable(
        f"Nothing leads from {unit} straight to the logits: {reason}.",
        "Its contexts tell what drives it; a change in Live shows what it does.",
    )
