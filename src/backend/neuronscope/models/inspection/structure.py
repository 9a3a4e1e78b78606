"""A decoder block's parts, and the names under which families keep them: names suggest, :mod:`probe` decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from torch import Tensor, nn
from transformers import PreTrainedModel

MLP_NAMES = ("mlp", "feed_forward", "ffn", "ff", "block_sparse_moe", "moe", "mixer", "intermediate")
MLP_OUT_NAMES = (
    "down_proj",
    "c_proj",
    "fc2",
    "dense_4h_to_h",
    "fc_out",
    "w2",
    "wo",
    "proj_2",
    "linear_2",
    "output_linear",
)
ATTN_OUT_NAMES = ("o_proj", "out_proj", "c_proj", "dense", "wo")
QKV_NAMES = {"q": ("q_proj", "query", "wq"), "k": ("k_proj", "key", "wk"), "v": ("v_proj", "value", "wv")}


@dataclass
class Block:
    """The parts of one decoder block; what a family lacks is ``None`` or empty."""

    module: nn.Module
    attention: nn.Module | None = None
    """The part of the block in which attention was seen at work."""
    mlp: nn.Module | None = None
    """The module whose input is the MLP's; in families that keep its layers in the block itself (OPT), the first of them."""
    experts: bool = False
    expert_count: int = 0
    """Experts that the router was seen to choose among."""
    norms: list[nn.Module] = field(default_factory=list)
    q: nn.Module | None = None
    k: nn.Module | None = None
    v: nn.Module | None = None
    qkv: nn.Module | None = None
    attn_out: nn.Module | None = None
    heads: int = 0
    """Heads whose parts of what ``attn_out`` takes were proved."""
    mlp_in: nn.Module | None = None
    gate: nn.Module | None = None
    up: nn.Module | None = None
    gate_up: nn.Module | None = None
    mlp_out: nn.Module | None = None
    activation: nn.Module | None = None
    mixer: nn.Module | None = None
    """What mixes positions in a layer without attention, or beside it: a state space, a recurrence, linear attention."""


def linear_sizes(module: nn.Module) -> tuple[int, int] | None:
    """``(inputs, outputs)`` of a linear layer of any make (Linear, Conv1D, quantized), else ``None``."""
    for names in (("in_features", "out_features"), ("nx", "nf")):
        sizes = [getattr(module, name, None) for name in names]
        if all(isinstance(size, int) for size in sizes):
            return sizes[0], sizes[1]  # type: ignore[return-value]  # both were just checked to be int
    return None


def neuron_count(block: Block) -> int:
    """Neurons of the block: inputs of its MLP's output projection; 0 where none was found."""
    sizes = linear_sizes(block.mlp_out) if block.mlp_out is not None else None
    return sizes[0] if sizes else 0


def is_norm(module: nn.Module) -> bool:
    """Whether it normalises: told by its class, since every family brings its own."""
    return "norm" in type(module).__name__.lower()


def text_config(model: PreTrainedModel) -> object:
    """The configuration of the text decoder, also in models that wrap it."""
    return model.config.get_text_config(decoder=True)


def vocabulary_size(model: PreTrainedModel) -> int:
    """Rows of the input embeddings, padding rows of the vocabulary included."""
    embeddings = model.get_input_embeddings()
    assert isinstance(embeddings.weight, Tensor)
    return embeddings.weight.shape[0]


def linears(module: nn.Module, without: Iterable[nn.Module] = ()) -> Iterator[tuple[str, nn.Module]]:
    """Names and linear layers within a module, those inside ``without`` left out."""
    left_out = {m for part in without for m in part.modules()}
    for name, child in module.named_modules():
        if child not in left_out and linear_sizes(child) is not None:
            yield name, child


def last_name(dotted: str) -> str:
    """``down_proj`` of ``mlp.down_proj``."""
    return dotted.rpartition(".")[2]


def ordered_by_name(found: Iterable[tuple[str, nn.Module]], names: Iterable[str]) -> list[nn.Module]:
    """The modules, those first whose last name is among ``names``, in the order of these."""
    order = {name: place for place, name in enumerate(names)}
    pairs = sorted(found, key=lambda pair: order.get(last_name(pair[0]), len(order)))
    return [module for _, module in pairs]


def part_of(block: nn.Module, inner: nn.Module) -> nn.Module | None:
    """The direct child of the block that holds ``inner``."""
    return next((child for child in block.children() if any(m is inner for m in child.modules())), None)
