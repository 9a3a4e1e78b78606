"""The formulas of a model in LaTeX, with its own numbers; each with how it was checked, or with why it could not be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from torch import nn

from neuronscope.models.cards.formulas.activation import mlp_facts, mlp_latex, mlp_words
from neuronscope.models.cards.formulas.attention import AttentionFacts, attention_facts
from neuronscope.models.cards.formulas.attention_text import attention_latex, attention_words, positions_of
from neuronscope.models.cards.formulas.block import block_equation
from neuronscope.models.cards.formulas.ends import embedding_facts, logit_facts
from neuronscope.models.cards.formulas.ends_text import embedding_latex, embedding_words, logits_latex, logits_words
from neuronscope.models.cards.formulas.evidence import Evidence
from neuronscope.models.cards.formulas.norm import NormFacts, norm_facts, norm_latex, norm_words
from neuronscope.models.inspection.structure import is_norm


@dataclass(frozen=True, slots=True)
class Equation:
    """One formula. ``layers`` are those that it holds in, ``None`` where it belongs to no layer.

    ``latex`` is empty where nothing could be established; ``note`` then says why. ``checked`` says what the formula was
    compared with, and is empty where it was only read off the configuration.
    """

    part: str
    title: str
    latex: str
    words: str
    layers: list[int] | None
    checked: str
    note: str = ""


def equations(evidence: Evidence, groups: Sequence[Sequence[int]]) -> list[Equation]:
    """Every formula of the model, once for all layers that share it."""
    found = [_embedding(evidence), *_norms(evidence, groups)]
    for layers in groups:
        found += _layer(evidence, list(layers))
    return [*_merged(found), _logits(evidence)]


def _layer(evidence: Evidence, layers: list[int]) -> list[Equation]:
    layer = layers[0]
    block = evidence.anatomy.blocks[layer]
    found = []
    attends = block.attention is not None and any(
        evidence.site(point, layer) is not None for point in ("attn_weights", "q", "k", "v")
    )
    if attends:
        facts = attention_facts(evidence, layer)
        if isinstance(facts, str):
            found.append(Equation("attention", "Attention", "", "", layers, "", f"Not established: {facts}."))
        else:
            found.append(_positions(evidence, facts, layers))
            found.append(_attention(facts, layers))
    else:
        reason = "These layers mix positions without attention; their own formula is not written out here."
        found.append(Equation("attention", "Mixing of positions", "", "", layers, "", reason))
    if block.mlp is not None or block.mlp_out is not None:
        found.append(_mlp(evidence, layers))
    latex, words, checked, note = block_equation(evidence, layer)
    found.append(Equation("block", "Block", latex, words, layers, checked, note))
    return found


def _positions(evidence: Evidence, facts: AttentionFacts, layers: list[int]) -> Equation:
    latex, words, note = positions_of(facts)
    title = "Positions"
    if not latex and not note and any(True for _ in _learned(evidence)):
        words = "learned: a row for each position is added to the embedding"
        note = "Attention itself turns nothing; positions enter with the embedding."
    elif not latex and not note:
        words, note = "none", "Nothing in attention depends on the distance, but that later tokens can't be seen."
    return Equation("positions", title, latex, words, layers, _closeness(facts), note)


def _learned(evidence: Evidence) -> Iterable[int]:
    facts = embedding_facts(evidence)
    return [facts.learned] if facts.learned is not None else []


def _attention(facts: AttentionFacts, layers: list[int]) -> Equation:
    if facts.proved is None:
        why = "Not established: neither queries and keys as projected nor as they reach the kernel could be compared"
        return Equation("attention", "Attention", "", "", layers, "", f"{why} with the attention weights.")
    latex, words = attention_latex(facts), attention_words(facts)
    notes = []
    if facts.proved == "kernel":
        notes.append(
            "With a tilde, queries and keys as they reach the kernel; what is done to them before could not be established."
        )
    if facts.output_follows is False:
        notes.append(
            "More happens to the result before the output projection than this formula says, such as a gate or a norm."
        )
    if facts.window is not None and facts.window >= 6:
        notes.append("The window's length is the configuration's; the check's text is shorter than the window.")
    return Equation("attention", "Attention", latex, words, layers, _closeness(facts), " ".join(notes))


def _closeness(facts: AttentionFacts) -> str:
    if facts.proved == "projected" and facts.difference is not None:
        return f"Weights computed by this formula from the projections differ from the model's by at most {facts.difference:.1e}."
    if facts.proved == "kernel" and facts.output_follows:
        return "The weights times the values are what enters the output projection."
    return ""


def _mlp(evidence: Evidence, layers: list[int]) -> Equation:
    facts = mlp_facts(evidence, layers[0])
    experts = evidence.anatomy.blocks[layers[0]].experts
    note = "The routing of experts is not written out; this is what bends the neurons inside each." if experts else ""
    if isinstance(facts, str):
        text = "The router and its experts are not written out: " if experts else "Not established: "
        return Equation("mlp", "MLP", "", "", layers, "", f"{text}{facts}.")
    what = "the function's module, run on numbers from −6 to 6" if facts.gated is None else "what the neurons held"
    checked = f"Compared with {what}: {_off(facts.difference)}."
    return Equation("mlp", "Experts" if experts else "MLP", mlp_latex(facts), mlp_words(facts), layers, checked, note)


def _norms(evidence: Evidence, groups: Sequence[Sequence[int]]) -> list[Equation]:
    """One formula for each way of normalising, with the modules that do it."""
    modules: dict[nn.Module, None] = {}
    for layers in groups:
        modules.update((m, None) for m in evidence.anatomy.blocks[layers[0]].module.modules() if is_norm(m))
    modules.update((m, None) for m in evidence.outside if is_norm(m))
    by_formula: dict[NormFacts, list[nn.Module]] = {}
    unknown: dict[str, list[nn.Module]] = {}
    for module in modules:
        if any(is_norm(child) for child in module.children()):
            continue
        facts = norm_facts(module, evidence.anatomy.d_model)
        if isinstance(facts, str):
            unknown.setdefault(facts, []).append(module)
        else:
            by_formula.setdefault(replace(facts, difference=0.0), []).append(module)
    found = []
    for facts, users in by_formula.items():
        names = dict.fromkeys(_place(evidence.names.get(m, "")) for m in users)
        worst = max(f.difference for m in users if isinstance(f := norm_facts(m, evidence.anatomy.d_model), NormFacts))
        checked = f"Compared with {len(users)} modules run on random vectors: {_off(worst)}."
        found.append(
            Equation(
                "norm",
                "Norm",
                norm_latex(facts),
                norm_words(facts),
                None,
                checked.replace("1 modules", "the module"),
                ", ".join(names),
            )
        )
    for reason in unknown:
        found.append(Equation("norm", "Norm", "", "", None, "", f"Not established: {reason}."))
    return found


def _place(name: str) -> str:
    """A module's name inside its block: the last two parts say which it is."""
    parts = [part for part in name.split(".") if not part.isdigit()]
    return ".".join(parts[-2:] if parts and len(parts) > 1 and "attn" in parts[-2] else parts[-1:])


def _embedding(evidence: Evidence) -> Equation:
    facts = embedding_facts(evidence)
    if facts.scale is None:
        why = "Not established: what enters the first block could not be made from the rows of the embedding."
        return Equation("embedding", "Embedding", "", "", None, "", why)
    checked = f"Compared with what entered the first block: {_off(facts.difference)}."
    return Equation("embedding", "Embedding", embedding_latex(facts), embedding_words(facts), None, checked)


def _logits(evidence: Evidence) -> Equation:
    facts = logit_facts(evidence)
    if facts.scale is None:
        why = "Not established: the model's logits could not be made from what its head gave."
        return Equation("logits", "Logits", "", "", None, "", why)
    checked = f"Compared with the model's logits: {_off(facts.difference)}."
    return Equation("logits", "Logits", logits_latex(facts), logits_words(facts), None, checked)


def _off(value: float | None) -> str:
    return "the same to the last bit" if value == 0 else f"largest relative difference {value:.1e}"


def _merged(found: list[Equation]) -> list[Equation]:
    """Formulas that are the same in several kinds of layers, once for all of them; parts in the order of the pass."""
    kept: dict[tuple[str, str, str, str], Equation] = {}
    for one in found:
        key = (one.part, one.latex, one.words, one.note)
        before = kept.get(key)
        if before is None or before.layers is None or one.layers is None:
            kept[key] = one
        else:
            kept[key] = replace(before, layers=sorted({*before.layers, *one.layers}))
    order = ("embedding", "norm", "positions", "attention", "mlp", "block")
    return sorted(kept.values(), key=lambda one: order.index(one.part))
