"""How a block adds to the stream: read off the sites that inspection proved, and off what the probe recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from neuronscope.models.anatomy import Site
from neuronscope.models.cards.formulas.evidence import Evidence, difference, nearest, number
from neuronscope.models.cards.formulas.norm import tex_number
from neuronscope.models.inspection.kinds import mixer_word

MULTIPLIERS = ("residual_multiplier", "residual_scale", "scale_depth", "attention_out_multiplier")


@dataclass(frozen=True)
class Branch:
    """One part that works on the stream: norms before and after it, and what its result is multiplied with.

    ``added`` where it is known to be added; ``normed_sum`` is a norm that makes the stream of the sum."""

    name: str
    part: nn.Module
    pre: nn.Module | None
    post: nn.Module | None
    factor: float
    added: bool
    normed_sum: nn.Module | None = None


@dataclass(frozen=True)
class Flow:
    """The branches of a block in order. ``parallel`` where they read the same stream; ``shared`` where even one norm."""

    branches: list[Branch]
    parallel: bool
    shared: bool


def flow_of(evidence: Evidence, layer: int) -> Flow:
    """How the parts of a block hang together."""
    block = evidence.anatomy.blocks[layer]
    seen = evidence.seen
    branches = []
    for name, part, norm, add in (
        ("attention", block.attention or _mixer(evidence, layer), "ln1", "attn_add"),
        ("mlp", block.mlp, "ln2", "mlp_add"),
    ):
        if part is None:
            continue
        site = evidence.site(norm, layer)
        pre = site.module if site is not None else _norm_before(evidence, layer, part)
        branches.append(_branch(evidence, layer, name, part, pre, evidence.site(add, layer)))
    before, after = seen.inputs.get(block.module), seen.outputs.get(block.module)
    if before is None or after is None or not branches:
        return Flow(branches, False, False)
    sums = _Sums(evidence, layer, before, after)
    if len(branches) == 1:
        return Flow([sums.sole(branches[0])], False, False)
    first, second = branches
    entered = seen.inputs.get(second.pre if second.pre is not None else second.part)
    shared = first.pre is not None and first.pre is second.pre
    own = seen.inputs.get(first.part)
    parallel = shared or _equal(entered, before) or _equal(entered, own)
    if all(branch.added for branch in branches):
        return Flow(branches, parallel, shared)
    return Flow([*(sums.parallel if parallel else sums.sequential)(first, second)], parallel, shared)


def _branch(
    evidence: Evidence, layer: int, name: str, part: nn.Module, pre: nn.Module | None, site: Site | None
) -> Branch:
    """A branch as the sites know it; where they refuse what it adds, that is left for the sums to find out."""
    if site is None:
        return Branch(name, part, pre, None, 1.0, added=False)
    if site.module in evidence.anatomy.blocks[layer].norms:
        return Branch(name, part, pre, site.module, 1.0, added=True)
    width = evidence.anatomy.d_model
    taken = site.take(torch.ones(1, 1, width))
    factor = float(taken.flatten()[0]) if taken.numel() == width else 1.0
    return Branch(name, part, pre, None, nearest(factor, evidence.config, MULTIPLIERS, 1e-5), added=True)


class _Sums:
    """Finds by adding up what the sites leave open: parts without a projection of their own, and norms after a sum."""

    def __init__(self, evidence: Evidence, layer: int, before: Tensor, after: Tensor) -> None:
        self.seen, self.before, self.after = evidence.seen, before, after
        self.block = evidence.anatomy.blocks[layer]
        multiplier = number(evidence.config, *MULTIPLIERS)
        self.factors = [1.0] if multiplier is None else [1.0, multiplier]

    def sole(self, branch: Branch) -> Branch:
        """The only part of its block."""
        for found, result in self._results(branch):
            if _near(self.before + result, self.after):
                return found
            norm = self._norm_of(self.before + result, self.after)
            if norm is not None:
                return replace(found, normed_sum=norm)
        return branch

    def parallel(self, first: Branch, second: Branch) -> tuple[Branch, Branch]:
        """Two parts that read the same stream."""
        for one, a in self._results(first):
            for two, b in self._results(second):
                if _near(self.before + a + b, self.after):
                    return one, two
        return first, second

    def sequential(self, first: Branch, second: Branch) -> tuple[Branch, Branch]:
        """Two parts, the second of which reads what the first has changed."""
        for one, a in self._results(first):
            summed = self.before + a
            between = [(None, summed), *((n, self.seen.outputs[n]) for n in self._norms_of(summed))]
            # A norm of the sum may be the stream from there on (OPT-350m), or only what the next part reads.
            for norm, stream in between:
                for two, b in self._results(second):
                    last = self._norm_of(stream + b, self.after)
                    if last is None and not _near(stream + b, self.after):
                        continue
                    pre = None if norm is not None and norm is two.pre else two.pre
                    return replace(one, normed_sum=norm), replace(two, pre=pre, normed_sum=last)
        return first, second

    def _results(self, branch: Branch) -> list[tuple[Branch, Tensor]]:
        """What the part may add: what it gave, that times a multiplier, or a norm of it."""
        known = branch.added
        out = self.block.attn_out if branch.name == "attention" else self.block.mlp_out
        raw = [self.seen.outputs[m] for m in (branch.part, out) if m is not None and m in self.seen.outputs]
        raw = [t for t in raw if t.shape == self.before.shape]
        found = []
        for norm in self.block.norms:
            if any(_equal(self.seen.inputs.get(norm), t) for t in raw) and (not known or branch.post is norm):
                found.append((replace(branch, post=norm, added=True), self.seen.outputs[norm]))
        for factor in [branch.factor] if known else self.factors:
            found += [(replace(branch, factor=factor, added=True), t * factor) for t in raw if branch.post is None]
        return found

    def _norms_of(self, entered: Tensor) -> list[nn.Module]:
        inputs = self.seen.inputs
        return [
            n
            for n in self.block.norms
            if n in inputs and inputs[n].shape == entered.shape and _near(inputs[n], entered)
        ]

    def _norm_of(self, entered: Tensor, given: Tensor) -> nn.Module | None:
        return next((n for n in self._norms_of(entered) if _equal(self.seen.outputs.get(n), given)), None)


def _mixer(evidence: Evidence, layer: int) -> nn.Module | None:
    """The part with the most weights beside norms and MLP: a state space, a convolution, a recurrence."""
    block = evidence.anatomy.blocks[layer]
    inside = set(block.mlp.modules()) if block.mlp is not None else set()
    others = [c for c in block.module.children() if c not in block.norms and c not in inside and c is not block.mlp_out]
    weighed = [(sum(p.numel() for p in c.parameters()), c) for c in others]
    heavy = [(count, c) for count, c in weighed if count > 0]
    return max(heavy, key=lambda entry: entry[0])[1] if heavy else None


def _norm_before(evidence: Evidence, layer: int, part: nn.Module) -> nn.Module | None:
    entered = evidence.seen.inputs.get(part)
    return next(
        (n for n in evidence.anatomy.blocks[layer].norms if _equal(evidence.seen.outputs.get(n), entered)), None
    )


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    return a is not None and b is not None and a.shape == b.shape and torch.equal(a, b)


def _near(a: Tensor, b: Tensor) -> bool:
    return difference(a, b) <= 64 * torch.finfo(a.dtype).eps


def block_equation(evidence: Evidence, layer: int) -> tuple[str, str, str, str]:
    """LaTeX, words, what it was compared with, and a note, of how the block changes the stream."""
    flow = flow_of(evidence, layer)
    unknown = [_noun(b) for b in flow.branches if not b.added]
    if not flow.branches or unknown:
        which = " and ".join(unknown) or "its parts"
        return "", "", "", f"Not established: how {which} joins the stream could not be told from one pass."
    if flow.parallel:
        body = "x+" + "+".join(_term(b, "x") for b in flow.branches)
        shared = ", from one shared norm" if flow.shared else ""
        return f"y={body}", f"attention and MLP in parallel{shared}, both added to the stream", _SUM, ""
    lines, stream = [], "x"
    for at, branch in enumerate(flow.branches):
        target = "y" if at == len(flow.branches) - 1 else "x'"
        term = f"{stream}+{_term(branch, stream)}"
        term = rf"\operatorname{{Norm}}\bigl({term}\bigr)" if branch.normed_sum is not None else term
        lines.append(f"{target}&={term}")
        stream = target
    latex = r"\begin{aligned}" + r"\\[3pt]".join(lines) + r"\end{aligned}"
    return latex, _words(flow), _SUM, ""


_SUM = "The sums were compared with the streams that the probe recorded."


def _term(branch: Branch, stream: str) -> str:
    name = {"attention": "Attn", "mixer": "Mixer"}.get(_noun(branch), "MLP")
    inner = rf"\operatorname{{Norm}}({stream})" if branch.pre is not None else stream
    term = (
        rf"\operatorname{{{name}}}\bigl({inner}\bigr)"
        if branch.pre is not None
        else rf"\operatorname{{{name}}}({inner})"
    )
    if branch.post is not None:
        term = rf"\operatorname{{Norm}}\Bigl({term}\Bigr)"
    return rf"{tex_number(branch.factor)}\,{term}" if abs(branch.factor - 1) > 1e-9 else term


def _words(flow: Flow) -> str:
    said = []
    for branch in flow.branches:
        where = [w for w, norm in (("before", branch.pre), ("after", branch.post)) if norm is not None]
        norm = f"norm {' and '.join(where)}" if where else "no norm of its own"
        norm = "the sum normalised" if branch.normed_sum is not None else norm
        times = f", times {branch.factor:g}" if abs(branch.factor - 1) > 1e-9 else ""
        said.append(f"{_noun(branch)} ({norm}{times})")
    return ", then ".join(said)


def _noun(branch: Branch) -> str:
    if branch.name == "mlp":
        return "MLP"
    return "mixer" if mixer_word(branch.part) is not None else "attention"
