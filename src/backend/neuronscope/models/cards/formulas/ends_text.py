"""Embedding and logits as LaTeX and as words."""

from __future__ import annotations

import math

from neuronscope.models.cards.formulas.ends import EmbeddingFacts, LogitFacts
from neuronscope.models.cards.formulas.norm import tex_number


def _factor(value: float) -> str:
    if abs(value - 1) < 1e-6:
        return ""
    square = value * value
    if abs(square - round(square)) < 1e-3 and not float(value).is_integer() and square > 1:
        return rf"\sqrt{{{round(square)}}}\,"
    return rf"{tex_number(value)}\,"


def embedding_latex(facts: EmbeddingFacts) -> str:
    """What enters block 0 at position ``t``."""
    assert facts.scale is not None
    place = f"t+{facts.offset}" if facts.offset else "t"
    body = rf"{_factor(facts.scale)}E_{{w_t}}" + (rf"+P_{{{place}}}" if facts.learned is not None else "")
    return rf"x^0_t=\operatorname{{Norm}}\bigl({body}\bigr)" if facts.norm is not None else rf"x^0_t={body}"


def embedding_words(facts: EmbeddingFacts) -> str:
    """The same in words."""
    assert facts.scale is not None
    said = ["the token's row" if abs(facts.scale - 1) < 1e-6 else f"the token's row times {facts.scale:.6g}"]
    if facts.learned is not None:
        said.append(f"plus a learned row for the position ({facts.learned} of them)")
    if facts.norm is not None:
        said.append("then normalised")
    return ", ".join(said)


def logits_latex(facts: LogitFacts) -> str:
    """Scores over the vocabulary from the stream after the last block."""
    assert facts.scale is not None
    inner = r"\operatorname{Norm}(x^L_t)" if facts.normed else "x^L_t"
    weight = "E" if facts.tied else r"W_{\text{head}}"
    before = _factor(facts.before) if facts.before is not None else ""
    if (
        facts.before is not None
        and 0 < facts.before < 1
        and math.isclose(1 / facts.before, round(1 / facts.before), rel_tol=1e-5)
    ):
        before = rf"\tfrac{{1}}{{{round(1 / facts.before)}}}\,"
    body = rf"{weight}\,{before}{inner}" + ("+b" if facts.bias else "")
    if abs(facts.scale - 1) > 1e-6:
        inverse = 1 / facts.scale
        small = facts.scale < 1 and math.isclose(inverse, round(inverse, 6), rel_tol=1e-6)
        factor = rf"\tfrac{{1}}{{{tex_number(inverse)}}}" if small else tex_number(facts.scale)
        body = rf"{factor}\bigl({body}\bigr)"
    if facts.cap is not None:
        cap = tex_number(facts.cap)
        body = rf"{cap}\tanh\!\Bigl(\tfrac{{1}}{{{cap}}}\,{body}\Bigr)"
    return rf"\ell_t={body}"


def logits_words(facts: LogitFacts) -> str:
    """The same in words."""
    assert facts.scale is not None
    said = ["the final norm times the embedding's own rows" if facts.tied else "the final norm times a head of its own"]
    if not facts.normed:
        said = ["the stream times the embedding's own rows" if facts.tied else "the stream times a head of its own"]
    if abs(facts.scale - 1) > 1e-6:
        said.append(f"times {facts.scale:.6g}")
    if facts.before is not None and abs(facts.before - 1) > 1e-6:
        said.append(f"the stream first times {facts.before:.6g}")
    if facts.cap is not None:
        said.append(f"capped at ±{facts.cap:g}")
    return ", ".join(said)
