"""One kind of block put down as boxes and arrows, from the stream's entrance to its end."""

from __future__ import annotations

from typing import Literal

from torch import nn

from neuronscope.models.cards.diagram_points import hang
from neuronscope.models.cards.diagram_types import BlockDiagram, Edge, Lane, Node, Role, box, shape_of
from neuronscope.models.cards.formulas.attention import query_key_norms
from neuronscope.models.cards.formulas.block import Branch, Flow, flow_of
from neuronscope.models.cards.formulas.evidence import Evidence
from neuronscope.models.inspection.kinds import mixer_word


def draw_block(evidence: Evidence, layers: list[int]) -> BlockDiagram:
    """The diagram of the blocks of one kind, drawn from the first of them, which the evidence has to cover."""
    return _Drawing(evidence, layers).finish()


class _Drawing:
    """Nodes and edges of one block, put down from the stream's entrance to its end."""

    def __init__(self, evidence: Evidence, layers: list[int]) -> None:
        self.evidence, self.layers, self.layer = evidence, layers, layers[0]
        self.block = evidence.anatomy.blocks[self.layer]
        self.flow: Flow = flow_of(evidence, self.layer)
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.drawn: dict[nn.Module, str] = {}

    def put(self, id: str, role: Role, lane: Lane, title: str, module: nn.Module | None = None, note: str = "") -> str:
        """A box, unless its module has one already."""
        if module is not None and module in self.drawn:
            return self.drawn[module]
        self.nodes.append(box(self.evidence, id, role, lane, title, module, note))
        if module is not None:
            self.drawn[module] = id
        return id

    def link(self, source: str, target: str, kind: Literal["flow", "residual", "choice"] = "flow") -> str:
        edge = Edge(source, target, kind)
        if edge not in self.edges:
            self.edges.append(edge)
        return target

    def finish(self) -> BlockDiagram:
        """Draw branches, sums and what is left, then hang the points on the boxes."""
        stream = self.put("in", "stream", "stream", "stream enters")
        if self.flow.parallel:
            total = "add"
            ends = [self._branch(branch, stream) for branch in self.flow.branches]
            self.put(total, "sum", "stream", "sum", None, self._sum_note(self.flow.branches))
            self.link(stream, total, "residual")
            for end in ends:
                self.link(end, total)
            stream = total
        else:
            for branch in self.flow.branches:
                stream = self._sum(branch, stream)
        self.link(stream, self.put("out", "stream", "stream", "stream leaves"))
        self._others()
        points = {node.id: node.points for node in self.nodes}
        absent = hang(self.evidence.anatomy, self.layer, points, self.drawn)
        return BlockDiagram(self._title(), self.layers, self._order(), self.nodes, self.edges, absent)

    def _sum(self, branch: Branch, stream: str) -> str:
        end = self._branch(branch, stream)
        total = self.put(f"add-{branch.name}", "sum", "stream", "sum", None, self._sum_note([branch]))
        self.link(stream, total, "residual")
        self.link(end, total)
        if branch.normed_sum is not None:
            return self.link(
                total, self.put(f"norm-sum-{branch.name}", "norm", "stream", "norm of the sum", branch.normed_sum)
            )
        return total

    def _sum_note(self, branches: list[Branch]) -> str:
        unknown = [b.name for b in branches if not b.added]
        times = [f"{b.name} times {b.factor:g}" for b in branches if abs(b.factor - 1) > 1e-9]
        said = [f"how {' and '.join(unknown)} joins was not established"] if unknown else []
        return "; ".join([*said, *times])

    def _branch(self, branch: Branch, stream: str) -> str:
        lane: Lane = "attention" if branch.name == "attention" else "mlp"
        start = stream
        if branch.pre is not None:
            shared = self.flow.shared
            title = "shared norm" if shared else "norm"
            start = self.link(
                stream, self.put(f"norm-{branch.name}", "norm", "stream" if shared else lane, title, branch.pre)
            )
        end = self._attention(branch, start) if branch.name == "attention" else self._mlp(branch, start)
        if branch.post is not None:
            end = self.link(end, self.put(f"post-{branch.name}", "norm", lane, "norm after", branch.post))
        return end

    def _attention(self, branch: Branch, start: str) -> str:
        block = self.block
        attends = any(self.evidence.site(p, self.layer) is not None for p in ("attn_weights", "q", "k", "v"))
        if not attends or block.attention is None:
            return self.link(
                start, self._whole("mixer", "mixer", "attention", mixer_word(branch.part) or "mixer", branch.part)
            )
        norms = query_key_norms(block.attention) or (None, None)
        parts = (("q", block.q, "queries", norms[0]), ("k", block.k, "keys", norms[1]), ("v", block.v, "values", None))
        ends = []
        for name, module, title, norm in (*parts, ("qkv", block.qkv, "queries, keys, values", None)):
            if module is None:
                continue
            here = self.link(start, self.put(name, "linear", "attention", title, module))
            if norm is not None:
                here = self.link(here, self.put(f"{name}-norm", "norm", "attention", f"norm of {title}", norm))
            ends.append(here)
        core = self.put("attention", "attention", "attention", "attention", block.attention)
        self.nodes[-1].parameters = 0
        self.nodes[-1].shape = self._heads(set(block.attention.modules()))
        for end in ends or [start]:
            self.link(end, core)
        if block.attn_out is None:
            return core
        return self.link(core, self.put("attn-out", "linear", "attention", "attention output", block.attn_out))

    def _heads(self, inside: set[nn.Module]) -> str:
        call = next((c for m, c in self.evidence.seen.attention.items() if m in inside), None)
        anatomy = self.evidence.anatomy
        if call is None:
            return f"{anatomy.heads} heads of {anatomy.head_dim}"
        heads, groups = call.query.shape[1], call.key.shape[1]
        return f"{heads} heads of {call.query.shape[-1]}" + (f", {groups} key-value" if groups != heads else "")

    def _mlp(self, branch: Branch, start: str) -> str:
        block = self.block
        if block.experts:
            return self._experts(branch, start)
        if block.mlp_out is None:
            return self.link(start, self._whole("mlp", "other", "mlp", "MLP", branch.part))
        act_name = type(block.activation).__name__ if block.activation is not None else ""
        gated = block.gate is not None or block.gate_up is not None
        title = "activation × up" if gated else "activation"
        inputs = (
            ("mlp-in", block.mlp_in, "in"),
            ("gate", block.gate, "gate"),
            ("up", block.up, "up"),
            ("gate-up", block.gate_up, "gate and up"),
        )
        entered = [
            self.link(start, self.put(id, "linear", "mlp", name, module))
            for id, module, name in inputs
            if module is not None
        ]
        act = self.put("act", "activation", "mlp", title, None, act_name)
        for one in entered or [start]:
            self.link(one, act)
        return self.link(act, self.put("mlp-out", "linear", "mlp", "out" if not gated else "down", block.mlp_out))

    def _experts(self, branch: Branch, start: str) -> str:
        """The router, the experts that it chooses among, and experts that every token passes; the rest is named inside."""
        router = next((m for n, m in branch.part.named_children() if n in ("gate", "router", "wg")), None)
        experts = [(n, m) for n, m in branch.part.named_children() if "expert" in n and "gate" not in n]
        if router is None or not experts:
            return self.link(start, self._whole("experts", "experts", "mlp", "mixture of experts", branch.part))
        chosen = self.link(start, self.put("router", "router", "mlp", "router", router))
        joined = self.put("mix", "activation", "mlp", "weighted sum")
        for name, module in experts:
            shared = "shared" in name
            title = "shared expert" if shared else "experts"
            one = self.link(start, self._whole(name, "experts", "mlp", title, module))
            if not shared:
                self.link(chosen, one, "choice")
            self.link(one, joined)
        self.drawn[branch.part] = joined
        return joined

    def _whole(self, id: str, role: Role, lane: Lane, title: str, module: nn.Module) -> str:
        """One box for a part whose inner flow is not known: what it holds is listed, not drawn."""
        self.put(id, role, lane, title, module)
        node = self.nodes[-1]
        children = [(n, m) for n, m in module.named_children() if any(True for _ in m.parameters())]
        own = [f"{n} {' × '.join(map(str, p.shape))}" for n, p in module.named_parameters(recurse=False)]
        node.inside = [f"{n}: {type(m).__name__} {shape_of(m)}".strip() for n, m in children] + own
        node.shape = "" if node.inside else node.shape
        self.drawn.update((m, id) for m in module.modules())
        return id

    def _others(self) -> None:
        """Children with weights that no branch took: drawn without edges, for nobody proved where they belong."""
        covered = set(self.drawn) | {m for b in self.flow.branches for m in b.part.modules()}
        for name, child in self.block.module.named_children():
            held = set(child.modules())
            if any(True for _ in child.parameters()) and not (held & covered):
                self.put(f"other-{name}", "other", "stream", name, child, "where it joins was not established")

    def _title(self) -> str:
        kinds = self.evidence.anatomy.kinds
        return kinds[self.layer] if self.layer < len(kinds) else "block"

    def _order(self) -> str:
        if self.flow.parallel:
            return "attention and MLP in parallel" + (", from one shared norm" if self.flow.shared else "")
        if len(self.flow.branches) == 1:
            return "one part"
        after = [b for b in self.flow.branches if b.post is not None or b.normed_sum is not None]
        before = [b for b in self.flow.branches if b.pre is not None]
        place = (
            "norms before and after"
            if after and before
            else "norms after"
            if after
            else "norms before"
            if before
            else "no norms"
        )
        return f"one after the other, {place}"
