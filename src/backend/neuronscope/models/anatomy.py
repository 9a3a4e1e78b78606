"""Where every hook point of a model is read, found by inspection and proved by one small forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import BadAddress, PointUnavailable
from neuronscope.core.points import POINTS
from neuronscope.models.blocks import BlockSites, inspect_block
from neuronscope.models.kinds import layer_kind
from neuronscope.models.probe import record
from neuronscope.models.structure import (
    Block,
    find_block,
    find_block_list,
    find_final_norm,
    neuron_count,
    text_config,
    vocabulary_size,
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where one tensor is read: a module, its input or output, and what to take of it.

    ``side`` ``attention`` means the weights of that attention module. ``take`` maps what the module took or gave,
    ``[batch, position, …]``, to the point's own axes after the batch.
    """

    module: nn.Module
    side: Literal["input", "output", "attention"]
    take: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Anatomy:
    """A decoder's sizes, the site of every hook point that it serves, and the reason for each that it lacks."""

    layer_count: int
    d_model: int
    d_mlp: int | None
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    parallel: bool
    blocks: tuple[Block, ...]
    sites: dict[Address, Site]
    refused: dict[Address, str]
    kinds: tuple[str, ...] = ()
    """What each layer is: ``attention + MLP``, ``attention + experts``, ``state space``, ``linear attention + MLP`` …"""

    def site(self, address: Address) -> Site:
        """Where to read it. Raises :class:`BadAddress` for a layer out of range, :class:`PointUnavailable` with the reason."""
        if address in self.sites:
            return self.sites[address]
        if address.layer is not None and address.layer >= self.layer_count:
            raise BadAddress(
                f"Layer {address.layer} is out of range: this model has {self.layer_count} layers.",
                f"Layers are 0 to {self.layer_count - 1}.",
            )
        raise PointUnavailable(
            f"This model has no {address}: {self.refused.get(address, 'it was not found by inspection')}.",
            "Ask for other points; the model's card lists those that it serves.",
        )

    def width(self, address: Address) -> int:
        """Number of units of a ``[position, unit]`` point; raises as :meth:`site` does."""
        self.site(address)
        sizes = {"d": self.d_model, "m": self.d_mlp or 0, "v": self.vocabulary}
        letter = address.row.axes[-1]
        if not address.row.has_units or letter not in sizes:
            raise BadAddress(f"{address} has no single units.")
        if letter == "m" and address.layer is not None:
            return self.neurons_in(address.layer)
        return sizes[letter]

    def neurons_in(self, layer: int) -> int:
        """Neurons of one layer; families may differ from layer to layer."""
        return neuron_count(self.blocks[layer])

    def check_unit(self, unit: Unit) -> None:
        """Raises :class:`BadAddress` where the unit's index is out of range."""
        width = self.width(unit.address)
        if unit.index >= width:
            raise BadAddress(f"Unit {unit.index} is out of range: {unit.address} has {width} units, 0 to {width - 1}.")


def inspect_model(model: PreTrainedModel) -> Anatomy:
    """The anatomy of a loaded causal language model, checked by a forward pass over a few tokens.

    Raises :class:`UnsupportedModel` where no decoder blocks can be found.
    """
    config = text_config(model)
    parent, block_list = find_block_list(model)
    d_model = int(getattr(config, "hidden_size"))  # noqa: B009  # a config's attributes are not typed
    heads = int(getattr(config, "num_attention_heads", 0) or 0)
    shared = 1 if getattr(config, "multi_query", False) else heads
    kv_heads = int(getattr(config, "num_key_value_heads", None) or shared)
    head_dim = int(getattr(config, "head_dim", None) or (d_model // heads if heads else 0))
    final_norm = find_final_norm(parent)
    blocks = [find_block(module, d_model, heads * head_dim) for module in block_list]
    watched = [m for block in blocks for m in block.module.modules()]
    seen = record(model, [*watched, *([final_norm] if final_norm is not None else [])])

    sites: dict[Address, Site] = {}
    refused: dict[Address, str] = {}
    results = [inspect_block(block, seen, config, heads, kv_heads, head_dim) for block in blocks]
    for layer, found in enumerate(results):
        _collect(layer, found, sites, refused)
    sites[Address("embed")] = Site(blocks[0].module, "input", _whole)
    if final_norm is not None:
        sites[Address("ln_f")] = Site(final_norm, "output", _whole)
    else:
        refused[Address("ln_f")] = "its stream is not normalised after the last block"
    # The model's own output, not the head's: some families cap or scale the logits after the head.
    sites[Address("logits")] = Site(model, "output", _whole)
    widths = [count for block in blocks if (count := neuron_count(block))]
    return Anatomy(
        layer_count=len(blocks),
        d_model=d_model,
        d_mlp=max(widths) if widths else None,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocabulary=vocabulary_size(model),
        parallel=any(found.parallel for found in results),
        blocks=tuple(blocks),
        sites=sites,
        refused=refused,
        kinds=tuple(
            layer_kind(block, Address("attn_weights", layer) in sites or Address("v", layer) in sites)
            for layer, block in enumerate(blocks)
        ),
    )


def _collect(layer: int, found: BlockSites, sites: dict[Address, Site], refused: dict[Address, str]) -> None:
    for point in (name for name, row in POINTS.items() if row.layered):
        address = Address(point, layer)
        place = found.places.get(point)
        if place is not None:
            sites[address] = Site(*place)
        else:
            refused[address] = found.refused.get(point, "it was not found by inspection")


def _whole(tensor: Tensor) -> Tensor:
    return tensor
