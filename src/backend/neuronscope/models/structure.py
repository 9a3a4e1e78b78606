"""Where the parts of a decoder are: blocks, attention, MLP, norms and projections, found by name and by shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.core.errors import UnsupportedModel

ATTENTION_NAMES = ("self_attn", "attn", "attention", "self_attention", "mixer")
MLP_NAMES = ("mlp", "feed_forward", "ffn", "ff", "block_sparse_moe")
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
FUSED_QKV_NAMES = ("c_attn", "query_key_value", "qkv_proj", "Wqkv", "in_proj", "att_proj")
GATE_NAMES = ("gate_proj", "w1", "gate", "linear")
FUSED_GATE_UP_NAMES = ("gate_up_proj", "dense_h_to_4h", "c_fc", "fc1", "input_linear", "up_gate_proj")
QKV_NAMES = {"q": ("q_proj", "query", "wq"), "k": ("k_proj", "key", "wk"), "v": ("v_proj", "value", "wv")}


@dataclass
class Block:
    """The parts of one decoder block; what a family lacks is ``None`` or empty."""

    module: nn.Module
    attention: nn.Module | None = None
    mlp: nn.Module | None = None
    """The module whose input is the MLP's; in families that keep its layers in the block itself (OPT), the first of them."""
    experts: bool = False
    norms: list[nn.Module] = field(default_factory=list)
    q: nn.Module | None = None
    k: nn.Module | None = None
    v: nn.Module | None = None
    qkv: nn.Module | None = None
    attn_out: nn.Module | None = None
    mlp_in: nn.Module | None = None
    gate: nn.Module | None = None
    up: nn.Module | None = None
    gate_up: nn.Module | None = None
    mlp_out: nn.Module | None = None
    activation: nn.Module | None = None


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


def find_block_list(model: PreTrainedModel) -> tuple[nn.Module, nn.ModuleList]:
    """The module that holds the decoder's blocks, and their list.

    Raises :class:`UnsupportedModel` for encoder-decoders and for models without a list of blocks.
    """
    config = text_config(model)
    if getattr(model.config, "is_encoder_decoder", False):
        raise UnsupportedModel(
            f"{type(model).__name__} has an encoder and a decoder; NeuronScope reads decoder-only models.",
            "Choose a causal language model.",
        )
    count = getattr(config, "num_hidden_layers", None)
    found: list[tuple[int, nn.Module, nn.ModuleList]] = []
    for parent in model.modules():
        for child in parent.children():
            if isinstance(child, nn.ModuleList) and len(child) == count:
                found.append((sum(p.numel() for p in child.parameters()), parent, child))
    if not found:
        raise UnsupportedModel(f"No list of {count} decoder blocks was found in {type(model).__name__}.")
    _, parent, blocks = max(found, key=lambda entry: entry[0])
    return parent, blocks


def find_final_norm(parent: nn.Module) -> nn.Module | None:
    """The norm after the last block: the last one beside the blocks."""
    norms = [child for name, child in parent.named_children() if is_norm(child) and "emb" not in name]
    return norms[-1] if norms else None


def find_block(module: nn.Module, width: int, attention_width: int) -> Block:
    """Parts of one block. ``width`` is the model's, ``attention_width`` heads times head width."""
    block = Block(module)
    block.norms = [child for child in module.children() if is_norm(child)]
    block.attention = _named_child(module, ATTENTION_NAMES, "attention")
    mlp = _named_child(module, MLP_NAMES, "mlp")
    if block.attention is not None:
        _find_attention_parts(block, width, attention_width)
    if mlp is not None:
        block.experts = any("expert" in name for name, _ in mlp.named_modules())
        block.mlp = mlp
        if not block.experts:
            _find_mlp_parts(block, dict(_linears(mlp)), width, mlp.modules())
    else:
        loose = {name: child for name, child in module.named_children() if linear_sizes(child) is not None}
        _find_mlp_parts(block, loose, width, module.children())
        block.mlp = block.mlp_in
    return block


def _named_child(module: nn.Module, names: Iterable[str], in_class: str) -> nn.Module | None:
    children = dict(module.named_children())
    for name in names:
        if name in children:
            return children[name]
    for child in children.values():
        if in_class in type(child).__name__.lower():
            return child
    return None


def _linears(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_modules():
        if linear_sizes(child) is not None:
            yield name.rpartition(".")[2], child


def _pick(linears: dict[str, nn.Module], names: Iterable[str]) -> nn.Module | None:
    return next((linears[name] for name in names if name in linears), None)


def _find_attention_parts(block: Block, width: int, attention_width: int) -> None:
    assert block.attention is not None
    linears = dict(_linears(block.attention))
    block.q, block.k, block.v = (_pick(linears, QKV_NAMES[name]) for name in "qkv")
    if block.q is None:
        block.qkv = _pick(linears, FUSED_QKV_NAMES)
    block.attn_out = _pick(linears, ATTN_OUT_NAMES)
    if block.attn_out is None:
        used = {block.q, block.k, block.v, block.qkv}
        fitting = [m for m in linears.values() if m not in used and linear_sizes(m) == (attention_width, width)]
        block.attn_out = fitting[-1] if fitting else None


def _find_mlp_parts(block: Block, linears: dict[str, nn.Module], width: int, modules: Iterable[nn.Module]) -> None:
    out = _pick(linears, MLP_OUT_NAMES)
    if out is None:
        fitting = [m for m in linears.values() if (linear_sizes(m) or (0, 0))[1] == width]
        out = fitting[-1] if fitting else None
    if out is None:
        return
    block.mlp_out = out
    neurons = (linear_sizes(out) or (0, 0))[0]
    block.activation = next((m for m in modules if _is_activation(m)), None)
    inputs = {name: m for name, m in linears.items() if m is not out}
    single = {name: m for name, m in inputs.items() if (linear_sizes(m) or (0, 0))[1] == neurons}
    double = [m for m in inputs.values() if (linear_sizes(m) or (0, 0))[1] == 2 * neurons]
    if len(single) == 1 and not double:
        block.mlp_in = next(iter(single.values()))
    elif len(single) == 2:
        block.gate = _pick(single, GATE_NAMES) or next(iter(single.values()))
        block.up = next(m for m in single.values() if m is not block.gate)
    elif len(double) == 1:
        block.gate_up = double[0]


def _is_activation(module: nn.Module) -> bool:
    has_children = any(True for _ in module.children())
    has_weights = any(True for _ in module.parameters(recurse=False))
    return not (has_children or has_weights or isinstance(module, nn.Dropout | nn.Identity))
