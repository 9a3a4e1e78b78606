"""The decoder's stack: the list of its blocks, known by the stream that runs through it, and the norm after it."""

from __future__ import annotations

from itertools import pairwise

from torch import nn
from transformers import PreTrainedModel

from neuronscope.core.errors import UnsupportedModel
from neuronscope.models.inspection.naming import HINT, ModuleNames
from neuronscope.models.inspection.probe import PROBE_BATCH, PROBE_LENGTH, Recording, same
from neuronscope.models.inspection.structure import is_norm


def refuse_encoder_decoder(model: PreTrainedModel) -> None:
    """Raises :class:`UnsupportedModel` for a model with an encoder of its own."""
    if getattr(model.config, "is_encoder_decoder", False):
        raise UnsupportedModel(
            f"{type(model).__name__} has an encoder and a decoder; NeuronScope reads decoder-only models.",
            "Choose a causal language model.",
        )


def find_blocks(model: PreTrainedModel, seen: Recording, names: ModuleNames) -> list[nn.Module]:
    """The decoder's blocks in order: the largest list of modules through which one stream runs.

    Raises :class:`UnsupportedModel` where there is none, naming the argument to pass and what comes into question.
    """
    lists = {
        name: list(module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) > 0
    }
    if names.blocks is not None:
        if names.blocks not in lists:
            raise UnsupportedModel(
                f"{type(model).__name__} has no list of modules named {names.blocks!r}.", _candidates(lists)
            )
        chosen = lists[names.blocks]
        _check(model, names.blocks, chosen, seen)
        return chosen
    ran = {name: blocks for name, blocks in lists.items() if all(seen.calls[b] for b in blocks)}
    streams = {name: blocks for name, blocks in ran.items() if _carries(blocks, seen)}
    outer = {n: b for n, b in streams.items() if not any(n != o and n.startswith(f"{o}.") for o in streams)}
    if not outer:
        if seen.failure:
            raise UnsupportedModel(
                f"{type(model).__name__} did not run on token ids alone: {_short(seen.failure)}",
                "NeuronScope reads models that take token ids and give logits.",
            )
        raise UnsupportedModel(
            f"No list of decoder blocks was found in {type(model).__name__}: in none of its lists of modules does each "
            "take what the one before it gave.",
            _candidates(ran or lists),
        )
    # A model may hold other stacks, to cut its text or to see: the decoder's is the one whose stream ends in the scores.
    ending = {n: b for n, b in outer.items() if _ends_in_scores(model, b, seen)}
    inside = {m for blocks in outer.values() for b in blocks for m in b.modules()}
    elsewhere = any(m not in inside for m in seen.attention)
    if not ending and (len(outer) > 1 or elsewhere):
        raise UnsupportedModel(
            f"{type(model).__name__} runs several stacks of blocks one within or after the other, and of none could it be "
            "proved that it carries one stream that ends in the scores.",
            _candidates(ran),
        )
    ending = ending or outer
    name = max(ending, key=lambda n: sum(p.numel() for b in ending[n] for p in b.parameters()))
    _check(model, name, outer[name], seen)
    return outer[name]


def find_final_norm(
    model: PreTrainedModel, blocks: list[nn.Module], seen: Recording, names: ModuleNames
) -> nn.Module | None:
    """The norm that takes what the last block gave, or the one named by hand where that holds for it."""
    last = seen.outputs.get(blocks[-1])
    # A norm within another list of modules begins what comes next; it does not end this stack.
    inside = {m for block in blocks for m in block.modules()}
    inside |= {m for module in model.modules() if isinstance(module, nn.ModuleList) for m in module.modules()}
    if names.final_norm is not None:
        named = names.module(model, "final_norm")
        if not same(seen.inputs.get(named), last):
            raise UnsupportedModel(
                f"{names.final_norm} is not the norm after the last block: it does not take what that block gave.",
                HINT,
            )
        return named
    fitting = (m for m in model.modules() if m not in inside and is_norm(m) and same(seen.inputs.get(m), last))
    return next(fitting, None)


def _check(model: PreTrainedModel, name: str, blocks: list[nn.Module], seen: Recording) -> None:
    often = max(seen.calls[b] for b in blocks)
    if often > 1:
        raise UnsupportedModel(
            f"{type(model).__name__} runs the blocks of {name} {often} times in one pass, so that none of its tensors "
            "has one value.",
            "Choose a model whose layers run once.",
        )
    shape = tuple(seen.inputs[blocks[0]].shape) if blocks[0] in seen.inputs else ()
    if (PROBE_BATCH, PROBE_LENGTH) not in (shape[:2], shape[1:3]):
        raise UnsupportedModel(
            f"The blocks of {type(model).__name__} take tensors of shape {list(shape)} for {PROBE_BATCH} texts of "
            f"{PROBE_LENGTH} tokens: not a row for each text and in it one for each token.",
            "Choose a model whose layers keep texts and tokens in their places.",
        )
    if not _carries(blocks, seen):
        raise UnsupportedModel(
            f"{name} is not the list of decoder blocks of {type(model).__name__}: its members don't hand one stream on.",
            HINT,
        )


def _carries(blocks: list[nn.Module], seen: Recording) -> bool:
    """Whether each takes what the one before it gave; a model may add to the stream between some of its blocks."""
    for block in blocks:
        taken, given = seen.inputs.get(block), seen.outputs.get(block)
        if taken is None or given is None or taken.shape != given.shape:
            return False
    links = [same(seen.outputs[a], seen.inputs[b]) for a, b in pairwise(blocks)]
    return not links or any(links)


def _ends_in_scores(model: PreTrainedModel, blocks: list[nn.Module], seen: Recording) -> bool:
    """Whether the head takes what the last block gave, or what norms and the like made of it one after the other."""
    head = model.get_output_embeddings()
    inside = {m for block in blocks for m in block.modules()}
    reached, done = [seen.outputs[blocks[-1]]], set[nn.Module]()
    # A part that attends is a stack of its own, not something that the head does with what it is given.
    outside = [
        m
        for m in model.modules()
        if m not in inside
        and m in seen.inputs
        and m in seen.outputs
        and not any(a in seen.attention for a in m.modules())
    ]
    for tensor in reached:
        for module in outside:
            if module not in done and same(seen.inputs[module], tensor):
                if module is head:
                    return True
                done.add(module)
                reached.append(seen.outputs[module])
    return False


def _candidates(lists: dict[str, list[nn.Module]]) -> str:
    shown = [f"{name} ({len(blocks)} × {type(blocks[0]).__name__})" for name, blocks in lists.items()]
    listed = "; ".join(shown[:12]) or "this model has none"
    return f"Name it by hand: modules={{'blocks': …}}. Lists of modules: {listed}."


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:199] + "…"
