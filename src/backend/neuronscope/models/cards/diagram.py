"""A model as a diagram: what stands before its blocks, each distinct kind of block, and what stands after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from neuronscope.core.address import Address
from neuronscope.models.cards.diagram_block import draw_block
from neuronscope.models.cards.diagram_points import PointAt
from neuronscope.models.cards.diagram_types import BlockDiagram, Node, box
from neuronscope.models.cards.formulas.ends import embedding_facts
from neuronscope.models.cards.formulas.evidence import Evidence
from neuronscope.models.cards.layer_groups import Run, stack


@dataclass(frozen=True, slots=True)
class Diagram:
    """The whole model: what stands before the blocks, the kinds of blocks and how they follow, and what stands after."""

    before: list[Node]
    stack: list[Run]
    blocks: list[BlockDiagram]
    after: list[Node]


def draw(evidence: Evidence, groups: Sequence[Sequence[int]]) -> Diagram:
    """The diagram of a model; ``groups`` are its layers by kind."""
    return Diagram(_before(evidence), stack(groups), [draw_block(evidence, list(g)) for g in groups], _after(evidence))


def _before(evidence: Evidence) -> list[Node]:
    table = evidence.model.get_input_embeddings()
    facts = embedding_facts(evidence)
    nodes = [box(evidence, "embedding", "linear", "stream", "token embedding", table)]
    for module in evidence.outside:
        if isinstance(module, nn.Embedding) and module is not table and facts.learned == module.weight.shape[0]:
            nodes.append(box(evidence, "positions", "linear", "stream", "position embedding", module, "added"))
    if facts.norm is not None:
        nodes.append(box(evidence, "embedding-norm", "norm", "stream", "norm", facts.norm))
    nodes[-1].points.append(PointAt("embed", None))
    return nodes


def _after(evidence: Evidence) -> list[Node]:
    nodes = []
    final, head = evidence.anatomy.sites.get(Address("ln_f")), evidence.model.get_output_embeddings()
    if final is not None:
        nodes.append(box(evidence, "ln_f", "norm", "stream", "final norm", final.module))
        nodes[-1].points.append(PointAt("ln_f", None))
    table = evidence.model.get_input_embeddings()
    tied = head is not None and getattr(head, "weight", None) is getattr(table, "weight", None)
    node = box(
        evidence, "head", "linear", "stream", "head", head, "tied to the embedding" if tied else "weights of its own"
    )
    if final is None:
        node.points.append(PointAt("ln_f", evidence.anatomy.refused.get(Address("ln_f"))))
    node.points.append(PointAt("logits", None))
    return [*nodes, node]
