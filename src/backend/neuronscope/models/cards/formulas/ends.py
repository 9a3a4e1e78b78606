"""What stands before the first block and after the last: the embedding, learned positions, and the logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neuronscope.core.address import Address
from neuronscope.models.cards.formulas.evidence import Evidence, difference, nearest, number, ratio
from neuronscope.models.inspection.structure import is_norm

EMBED_SCALES = ("embedding_multiplier", "scale_emb", "embedding_scale", "mup_embedding_multiplier")
LOGIT_SCALES = ("logits_scaling", "logit_scale", "lm_head_multiplier", "logits_scale")
FURTHEST_OFFSET = 8
"""Rows that families keep free before position 0's: OPT and its kind keep two."""
LOGIT_CAPS = (
    "final_logit_softcapping",
    "logits_soft_cap",
    "final_logits_softcapping",
    "logit_softcap",
    "output_logit_cap",
)


@dataclass(frozen=True, slots=True)
class EmbeddingFacts:
    """How token ``t`` enters block 0: its row times ``scale``, plus a learned row for its position, perhaps normalised.

    ``scale`` is ``None`` where what enters block 0 could not be made from these.
    """

    scale: float | None
    learned: int | None
    offset: int
    norm: nn.Module | None
    difference: float | None


@dataclass(frozen=True, slots=True)
class LogitFacts:
    """``scale`` and ``cap`` are ``None`` where they could not be established, ``cap`` also where there is none."""

    tied: bool
    bias: bool
    scale: float | None
    before: float | None
    cap: float | None
    normed: bool
    difference: float | None


@torch.no_grad()
def embedding_facts(evidence: Evidence) -> EmbeddingFacts:
    """Compares what entered block 0 with rows of the embedding tables."""
    model, seen = evidence.model, evidence.seen
    table = model.get_input_embeddings()
    entered = seen.inputs.get(evidence.anatomy.blocks[0].module)
    ids = evidence.looked_up.get(table)
    learned, offset = _learned_positions(evidence, table)
    rows = getattr(learned, "weight", None)
    length = rows.shape[0] if isinstance(rows, Tensor) else None
    if entered is None or ids is None or not isinstance(table.weight, Tensor):
        return EmbeddingFacts(None, length, offset, None, None)
    word = table.weight.detach()[ids].float().cpu()
    places = _rows(seen.outputs.get(learned), word) if learned is not None else None
    held = entered[0].float().cpu()
    wanted = held - places if places is not None and places.shape == held.shape else held
    factor = ratio(word, wanted, evidence.bound) if word.shape == held.shape else None
    if factor is not None:
        stated = nearest(factor, evidence.config, EMBED_SCALES, evidence.bound)
        root = word.shape[-1] ** 0.5
        scale = root if abs(factor - root) <= 0.01 * factor else stated
        return EmbeddingFacts(scale, length, offset, None, difference(word * scale, wanted))
    plain = word if places is None else word + places
    for norm in (m for m in evidence.outside if is_norm(m)):
        # Run anew: a family may use the very same norm again at its end, and only its last call is on record.
        given = _normed(norm, plain.to(entered.device, entered.dtype)) if plain.shape == held.shape else None
        if isinstance(given, Tensor) and difference(given, entered[0]) <= evidence.bound:
            return EmbeddingFacts(1.0, length, offset, norm, difference(given, entered[0]))
    return EmbeddingFacts(None, length, offset, None, None)


@torch.no_grad()
def logit_facts(evidence: Evidence) -> LogitFacts:
    """Compares the model's logits with what its head gave."""
    model, seen = evidence.model, evidence.seen
    head = model.get_output_embeddings()
    table = model.get_input_embeddings()
    if head is None:
        return LogitFacts(False, False, None, None, None, False, None)
    tied = getattr(head, "weight", None) is getattr(table, "weight", None)
    bias = getattr(head, "bias", None) is not None
    raw, logits, entered = seen.outputs.get(head), evidence.logits, seen.inputs.get(head)
    final = evidence.anatomy.sites.get(Address("ln_f"))
    normed = seen.outputs.get(final.module) if final is not None else None
    before = None
    if normed is not None and entered is not None:
        factor = ratio(normed.float(), entered.float(), evidence.bound)
        before = nearest(factor, evidence.config, LOGIT_SCALES, evidence.bound) if factor is not None else None
    if raw is None or logits is None:
        return LogitFacts(tied, bias, None, before, None, normed is not None, None)
    given = raw[0].float()
    scale = ratio(given, logits, evidence.bound / 10)
    stated = number(evidence.config, *LOGIT_CAPS)
    cap = stated or (_cap_of(given, logits, evidence.bound) if scale is None else None)
    if cap is not None:
        error = difference(cap * torch.tanh(given / cap), logits)
        if error <= evidence.bound / 10:
            return LogitFacts(tied, bias, 1.0, before, cap, normed is not None, error)
    if scale is None:
        return LogitFacts(tied, bias, None, before, None, normed is not None, None)
    scale = nearest(scale, evidence.config, LOGIT_SCALES, evidence.bound)
    return LogitFacts(tied, bias, scale, before, None, normed is not None, difference(given * scale, logits))


def _cap_of(given: Tensor, logits: Tensor, bound: float) -> float | None:
    """A cap that the configuration does not name (nanochat writes 15 into its code): tried, then checked by the caller."""
    for cap in (15.0, 20.0, 30.0, 50.0):
        if difference(cap * torch.tanh(given / cap), logits) <= bound / 10:
            return cap
    return None


def _rows(places: Tensor | None, word: Tensor) -> Tensor | None:
    """What a table of positions gave, row by row; ``None`` where it is as wide as something else than the stream."""
    return places.float().cpu().reshape(word.shape) if places is not None and places.numel() == word.numel() else None


def _normed(norm: nn.Module, rows: Tensor) -> Tensor | None:
    """What a norm makes of these rows; ``None`` for a module that only is called a norm and takes something else."""
    try:
        given = norm(rows)
    except (RuntimeError, TypeError, IndexError):
        return None
    return given if isinstance(given, Tensor) and given.shape == rows.shape else None


def _learned_positions(evidence: Evidence, table: nn.Module) -> tuple[nn.Module | None, int]:
    """The table whose consecutive rows were handed out for consecutive positions, and the row of the first position."""
    for module in evidence.outside:
        weight, given = getattr(module, "weight", None), evidence.seen.outputs.get(module)
        if module is table or not isinstance(module, nn.Embedding) or not isinstance(weight, Tensor) or given is None:
            continue
        rows = given.reshape(-1, given.shape[-1])
        for offset in range(FURTHEST_OFFSET + 1):
            if torch.equal(weight.detach()[offset : offset + len(rows)].to(rows.dtype), rows):
                return module, offset
    return None, 0
