"""Attention's facts as LaTeX and as words."""

from __future__ import annotations

from neuronscope.models.cards.formulas.attention import AttentionFacts
from neuronscope.models.cards.formulas.norm import tex_number
from neuronscope.models.cards.formulas.rotary import rotary_latex, rotary_words


def attention_latex(facts: AttentionFacts) -> str:
    """Scores, weights and output of one head at position ``t``, with the model's own scale, cap, window and grouping."""
    q, k = _side("q", "t", facts), _side("k", "s", facts)
    group = facts.heads // max(1, facts.kv_heads)
    shared = rf"\lfloor h/{group}\rfloor" if group > 1 and facts.kv_heads > 1 else "0" if group > 1 else "h"
    q, k = q.replace("@", "h"), k.replace("@", shared)
    scores = rf"{_scale(facts)}{q}^{{\top}}{k}"
    if facts.alibi is not None:
        scores += r"-m_h\,(t-s)"
    if facts.softcap is not None:
        cap = tex_number(facts.softcap)
        scores = rf"{cap}\tanh\!\Bigl(\tfrac{{1}}{{{cap}}}\,{scores}\Bigr)"
    seen = rf"t-{facts.window}<s\le t" if facts.window is not None else r"s\le t"
    sink = r"e^{b_h}+" if facts.sinks else ""
    index = f"t-{facts.window}<r\\le t" if facts.window is not None else r"r\le t"
    weights = rf"a^h_{{ts}}=\frac{{e^{{z^h_{{ts}}}}}}{{{sink}\sum_{{{index}}} e^{{z^h_{{tr}}}}}}"
    slopes = _slopes(facts.alibi) if facts.alibi is not None else ""
    lines = [rf"z^h_{{ts}}&={scores},\quad {seen}{slopes}", weights.replace("=", "&=", 1)]
    if facts.output_follows is not False:
        mixed = rf"\bigl[\textstyle\sum_s a^h_{{ts}}\,v^{{{shared}}}_s\bigr]_{{h=0}}^{{{facts.heads - 1}}}"
        lines.append(rf"\operatorname{{Attn}}(x)_t&=W_O\,{mixed}")
    return r"\begin{aligned}" + r"\\[4pt]".join(lines) + r"\end{aligned}"


def _side(letter: str, position: str, facts: AttentionFacts) -> str:
    # As they reach the kernel, which is not what the projections gave.
    plain = rf"\tilde{{{letter}}}^{{@}}_{position}" if facts.proved == "kernel" else f"{letter}^{{@}}_{position}"
    turn = f"R_{position}" if facts.rotary is not None else ""
    if facts.qk_norm == "none":
        return rf"\bigl({turn}\,{plain}\bigr)" if turn else rf"{{{plain}}}"
    if facts.qk_norm == "after":
        return rf"\operatorname{{Norm}}\bigl({turn}\,{plain}\bigr)"
    inner = (
        rf"\operatorname{{Norm}}({plain})"
        if facts.qk_norm == "head"
        else rf"\operatorname{{Norm}}({letter}_{position})^{{@}}"
    )
    return rf"\bigl({turn}\,{inner}\bigr)" if turn else inner


def _scale(facts: AttentionFacts) -> str:
    if facts.scale != facts.scale:
        return r"c\,"
    if abs(facts.scale - 1) < 1e-9:
        return ""
    inverse = 1 / facts.scale
    if abs(inverse**2 - round(inverse**2)) < 1e-4:
        return rf"\tfrac{{1}}{{\sqrt{{{round(inverse**2)}}}}}\,"
    if abs(inverse - round(inverse)) < 1e-6:
        return rf"\tfrac{{1}}{{{round(inverse)}}}\,"
    return rf"{tex_number(facts.scale)}\,"


def _slopes(slopes: tuple[float, ...]) -> str:
    ends = f"m_0={tex_number(slopes[0])}" + (
        rf",\ m_{{{len(slopes) - 1}}}={tex_number(slopes[-1])}" if len(slopes) > 1 else ""
    )
    return rf",\quad {ends}"


def attention_words(facts: AttentionFacts) -> str:
    """The same in words."""
    said = [f"{facts.heads} heads of {facts.head_dim}"]
    if facts.kv_heads != facts.heads:
        said.append(f"every {facts.heads // max(1, facts.kv_heads)} share one of {facts.kv_heads} key-value heads")
    said.append("scale not established" if facts.scale != facts.scale else f"scores times {facts.scale:.6g}")
    norms = {"head": "per head", "whole": "over all heads together", "after": "per head after the rotation"}
    if facts.qk_norm != "none":
        said.append(f"queries and keys normalised {norms[facts.qk_norm]}")
    if facts.softcap is not None:
        said.append(f"scores capped at ±{facts.softcap:g}")
    said.append(f"the last {facts.window} positions seen" if facts.window is not None else "all earlier positions seen")
    if facts.sinks:
        said.append("a learned sink in each head's sum")
    return "; ".join(said)


def positions_of(facts: AttentionFacts) -> tuple[str, str, str]:
    """LaTeX, words and a note on how positions enter attention; all empty where attention itself knows none."""
    if facts.rotary is not None:
        shape = "" if facts.rotary.dimensions == facts.rotary.head_dim else " The other dimensions are not turned."
        low, high = facts.rotary.lowest, facts.rotary.highest
        span = f"from {high:.3g} down to {low:.3g}" if low < high else f"at {high:.3g}"
        ends = f"Frequencies run {span} radians per position.{shape}"
        return rotary_latex(facts.rotary), rotary_words(facts.rotary), ends
    if facts.alibi is not None:
        return (
            r"z^h_{ts}\mathrel{-}=m_h\,(t-s)",
            "ALiBi: scores fall with the distance, by a slope of each head's own",
            "",
        )
    if facts.proved != "projected":
        return "", "", "Not established: queries and keys could not be followed from their projections to the kernel."
    return "", "", ""
