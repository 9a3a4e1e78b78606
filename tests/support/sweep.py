"""What the sweep finds of one architecture, and ``docs/architectures.md``, which says it of all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from neuronscope.core.errors import UnsupportedModel
from neuronscope.core.points import POINTS
from neuronscope.models.anatomy import Anatomy
from neuronscope.models.loading.loader import wrap
from support.architectures import ARCHITECTURES, NOT_BUILT, REFUSED, UNCOMPARED, tiny_architecture
from support.comparing import Truth
from support.tokenizers import tiny_tokenizer
from support.truth import check

PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"
Refusals = dict[tuple[str, str], str]
"""Reason by point and the layers that it holds for (empty for all of them)."""


@dataclass(frozen=True)
class Finding:
    """One architecture: what its layers are, what is refused and why, and what the comparisons gave.

    ``sentence`` says why it is not served at all.
    """

    model_type: str
    kinds: str = ""
    refused: Refusals = field(default_factory=dict)
    truth: Truth = field(default_factory=Truth)
    sentence: str = ""


@cache
def finding(model_type: str) -> Finding:
    """Build it tiny, inspect it and compare it; raises what transformers raises where it can't be built."""
    model = tiny_architecture(model_type)
    try:
        loaded = wrap(model, tiny_tokenizer(), model_type)
    except UnsupportedModel as refused:
        return Finding(model_type, sentence=refused.message)
    eager = tiny_architecture(model_type, attention="eager")
    return Finding(model_type, _kinds(loaded.anatomy), _refusals(loaded.anatomy), check(loaded, eager))


def _kinds(anatomy: Anatomy) -> str:
    counts = Counter(anatomy.kinds)
    return "; ".join(counts) if len(counts) == 1 else "; ".join(f"{n} × {kind}" for kind, n in counts.items())


def _refusals(anatomy: Anatomy) -> Refusals:
    layers: dict[tuple[str, str], list[int]] = {}
    for address, reason in anatomy.refused.items():
        layers.setdefault((address.point, reason), []).append(-1 if address.layer is None else address.layer)
    found: Refusals = {}
    for (point, reason), numbers in layers.items():
        everywhere = len(numbers) == anatomy.layer_count or not POINTS[point].layered
        found[point, "" if everywhere else " ".join(str(n) for n in numbers)] = reason
    return found


HEAD = """# Architectures

Written by `make architectures`; don't edit it by hand.

NeuronScope has no list of architectures. It finds a model's parts by inspection and proves each tensor by one small
forward pass (decision 8); what can't be proved is refused with the reason. This page says what came of that for every
causal language model of transformers {version}: each is built tiny from its configuration, with random weights and
layers of each of its kinds, and a test holds it against the plain model and against Hugging Face's own output.

**{served} of {all} are served.** For each of them the logits with a tap on every point are bit for bit those without
(T1), and the identities hold (T2): the stream is the block's, `mlp_out` is the output projection of `mlp_act`,
`resid_mid` is `resid_pre + attn_add`, `resid_post` is `resid_mid + mlp_add`, and attention rows are those of eager
attention, with padding, sliding windows, over a cache and over a static one.

A point that is not named in a row is served in every layer. A number in brackets is the reason, listed below; layers are
named where it holds for some only. The difference is the largest between what NeuronScope reads and what Hugging Face
reports itself, over logits, hidden states and attention rows, rounded up to a power of ten.
"""
COLUMNS = "| architecture | layers | points refused | difference |\n| --- | --- | --- | --- |"


def page(findings: list[Finding], version: str) -> str:
    """The text of ``docs/architectures.md``."""
    served = [f for f in findings if not f.sentence]
    counts = Counter(reason for f in served for reason in f.refused.values())
    reasons = [reason for reason, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
    numbers = {reason: n for n, reason in enumerate(reasons, 1)}
    rows = [row(f, numbers) for f in served]
    others = [(f.model_type, f.sentence) for f in findings if f.sentence] + [(t, NOT_BUILT[t][1]) for t in NOT_BUILT]
    parts = [
        HEAD.format(version=version, served=len(served), all=len(ARCHITECTURES)),
        "## Served\n",
        COLUMNS,
        *rows,
        "\n## Reasons\n",
        *(f"{n}. {reason}" for reason, n in numbers.items()),
        "\n## Not served\n",
        "| architecture | why |\n| --- | --- |",
        *(f"| {title(model_type)} | {_cell(sentence)} |" for model_type, sentence in sorted(others)),
    ]
    return "\n".join(parts) + "\n"


def title(model_type: str) -> str:
    """The type and the class that transformers makes of it."""
    return f"`{model_type}` ({MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model_type]})"


def row(found: Finding, numbers: Mapping[str, int | str]) -> str:
    """The architecture's line in the table of those served."""
    by_place: dict[tuple[str, int | str], list[str]] = {}
    for (point, layers), reason in found.refused.items():
        by_place.setdefault((layers, numbers[reason]), []).append(f"`{point}`")
    cells = [
        f"{' '.join(points)} [{number}]" + (f" in {_layers(layers)}" if layers else "")
        for (layers, number), points in by_place.items()
    ]
    return f"| {title(found.model_type)} | {found.kinds} | {', '.join(cells)} | {_order(found.truth.largest)} |"


def _layers(numbers: str) -> str:
    *most, last = numbers.split()
    return f"layers {', '.join(most)} and {last}" if most else f"layer {last}"


def _order(value: float) -> str:
    return "0" if value == 0 else f"1e{math.ceil(math.log10(value))}"


def _cell(text: str) -> str:
    return text.rstrip(".").replace("|", "\\|")


def written(text: str) -> dict[str, tuple[str, str]]:
    """Of each architecture on the page, its layers and what is refused, with the reasons in place of their numbers.

    For one that is not served: an empty text, and why.
    """
    reasons = {}
    for line in text.splitlines():
        number, dot, reason = line.partition(". ")
        if dot and number.isdigit():
            reasons[f"[{number}]"] = reason
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        name = cells[0].partition("` (")[0].strip("| `")
        if not line.startswith("| `"):
            continue
        if len(cells) == 2:
            found[name] = ("", cells[1].removesuffix(" |"))
        else:
            refused = cells[2]
            for number, reason in reasons.items():
                refused = refused.replace(number, f"[{reason}]")
            found[name] = (cells[1], refused)
    return found


def hold(model_type: str) -> None:
    """Fail where anything of T1 or T2 does not hold for it, or where the page says something else of it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # these models are too small to be worth dividing
    try:
        found = finding(model_type)
    finally:
        torch.set_num_threads(threads)
    assert not found.truth.wrong, found.truth.wrong
    if model_type in REFUSED:
        assert REFUSED[model_type] in found.sentence
    else:
        assert not found.sentence
        assert "logits" in found.truth.compared
        for what, types in UNCOMPARED.items():
            assert (what in found.truth.unseen) == (model_type in types), (
                f"{what}: compared, or not, against expectation"
            )
    said = written(PAGE.read_text("utf-8"))[model_type]
    if found.sentence:
        assert said == ("", _cell(found.sentence)), "run `make architectures`"
    else:
        cells = row(found, {reason: reason for reason in found.refused.values()}).split(" | ")
        assert said == (cells[1], cells[2]), "run `make architectures`"
