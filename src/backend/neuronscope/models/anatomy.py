"""Where every hook point of a model is read, found by inspection and proved by one small forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.core.address import Address, Unit, check_layer
from neuronscope.core.errors import BadAddress, PointUnavailable, UnsupportedModel
from neuronscope.core.points import POINTS
from neuronscope.models.inspection.attention_points import Call
from neuronscope.models.inspection.blocks import Setting, inspect_block
from neuronscope.models.inspection.kinds import layer_kind
from neuronscope.models.inspection.layouts import distinct_heads
from neuronscope.models.inspection.naming import ModuleNames
from neuronscope.models.inspection.probe import PROBE_BATCH, record, record_step
from neuronscope.models.inspection.sites import BlockSites, whole
from neuronscope.models.inspection.stack import find_blocks, find_final_norm, refuse_encoder_decoder
from neuronscope.models.inspection.structure import Block, neuron_count, text_config, vocabulary_size
from neuronscope.models.inspection.watching import is_attention, own_attention


@dataclass(frozen=True, slots=True)
class Site:
    """Where one tensor is read: a module, its input or output, and what to take of it.

    ``side`` ``attention`` means the weights of that attention module. ``take`` maps what the module took or gave,
    ``[batch, position, …]``, to the point's own axes after the batch. ``item`` is the place of the tensor in what the
    module gave, where that is a tuple; ``own`` is for attention that a module computes itself, outside transformers' interface.
    """

    module: nn.Module
    side: Literal["input", "output", "attention"]
    take: Callable[[Tensor], Tensor]
    item: int = 0
    own: bool = False


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
        if address.layer is not None:
            check_layer(address.layer, self.layer_count)
        raise PointUnavailable(
            f"This model has no {address}: {self.refused.get(address, 'it was not found by inspection')}.",
            "Ask for other points; the model's card lists those that it serves.",
        )

    def width(self, address: Address) -> int:
        """Number of units of a ``[position, unit]`` point; raises as :meth:`site` does."""
        self.site(address)
        letter = address.row.axes[-1]
        if not address.row.has_units:
            raise BadAddress(f"{address} has no single units.")
        if address.layer is not None and letter in "mhx":
            block = self.blocks[address.layer]
            return {"m": neuron_count(block), "h": block.heads, "x": block.expert_count}[letter]
        return self.vocabulary if letter == "v" else self.d_model

    def neurons_in(self, layer: int) -> int:
        """Neurons of one layer; families may differ from layer to layer."""
        return neuron_count(self.blocks[layer])

    def check_unit(self, unit: Unit) -> None:
        """Raises :class:`BadAddress` where the unit's index is out of range."""
        width = self.width(unit.address)
        if unit.index >= width:
            raise BadAddress(f"Unit {unit.index} is out of range: {unit.address} has {width} units, 0 to {width - 1}.")


def inspect_model(model: PreTrainedModel, names: ModuleNames | None = None) -> Anatomy:
    """The anatomy of a loaded causal language model, proved by a forward pass over a few tokens.

    ``names`` are modules that a person names by hand; they are proved like those found. Raises
    :class:`UnsupportedModel` where no decoder blocks can be found, naming the argument to pass.
    """
    names = names or ModuleNames()
    refuse_encoder_decoder(model)
    seen = record(model, batch=PROBE_BATCH)
    modules = find_blocks(model, seen, names)
    names.check_inside(modules)
    final_norm = find_final_norm(model, modules, seen, names)
    calls = {**own_attention(seen.events, PROBE_BATCH), **seen.attention}
    calls = {module: call for module, call in calls.items() if is_attention(call)}
    width = int(seen.inputs[modules[0]].shape[-1])
    setting = Setting(text_config(model), width, calls, names, record_step(model, PROBE_BATCH))
    earlier: list[Call | None] = []
    results = [inspect_block(module, seen, setting, earlier) for module in modules]
    blocks = tuple(block for block, _ in results)

    sites: dict[Address, Site] = {}
    refused: dict[Address, str] = {}
    for layer, (_, found) in enumerate(results):
        _collect(layer, found, sites, refused)
    _refuse_false_names(names, len(blocks), sites, refused)
    _ends(model, modules, final_norm, sites, refused)
    heads, kv_heads, head_dim = _head_sizes([c for c in earlier if c is not None], setting.config)
    widths = [count for block in blocks if (count := neuron_count(block))]
    return Anatomy(
        layer_count=len(blocks),
        d_model=width,
        d_mlp=max(widths) if widths else None,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocabulary=vocabulary_size(model),
        parallel=any(found.parallel for _, found in results),
        blocks=blocks,
        sites=sites,
        refused=refused,
        kinds=tuple(layer_kind(block) for block in blocks),
    )


def _refuse_false_names(
    names: ModuleNames, layers: int, sites: dict[Address, Site], refused: dict[Address, str]
) -> None:
    """Raises :class:`UnsupportedModel` where a module named by hand proved to be none of what it was named for."""
    for key, points in names.points().items():
        addresses = [Address(point, layer) for layer in range(layers) for point in points]
        if not any(address in sites for address in addresses):
            raise UnsupportedModel(
                f"The name given for {key} does not hold: {refused[addresses[0]]}.",
                "Leave the name out, or name another module.",
            )


def _ends(
    model: PreTrainedModel,
    modules: list[nn.Module],
    final_norm: nn.Module | None,
    sites: dict[Address, Site],
    refused: dict[Address, str],
) -> None:
    """The points outside the layers: what enters, what leaves, and the scores."""
    if Address("resid_pre", 0) in sites:
        sites[Address("embed")] = Site(modules[0], "input", whole)
    else:
        refused[Address("embed")] = refused[Address("resid_pre", 0)]
    if final_norm is not None:
        sites[Address("ln_f")] = Site(final_norm, "output", whole)
    else:
        refused[Address("ln_f")] = "no norm takes what the last block gives"
    # The model's own output, not the head's: some families cap or scale the logits after the head.
    sites[Address("logits")] = Site(model, "output", whole)


def _head_sizes(calls: list[Call], config: object) -> tuple[int, int, int]:
    """Heads, key-value heads and head width as the first attention layer shows them, else as the configuration says."""
    for call in calls:
        if call.query is not None and call.key is not None:
            return call.query.shape[1], distinct_heads(call.key).shape[1], call.query.shape[-1]
    heads = int(getattr(config, "num_attention_heads", 0) or 0) if calls else 0
    return heads, heads, 0


def _collect(layer: int, found: BlockSites, sites: dict[Address, Site], refused: dict[Address, str]) -> None:
    for point in (name for name, row in POINTS.items() if row.layered):
        address = Address(point, layer)
        place = found.places.get(point)
        if place is not None:
            sites[address] = Site(place.module, place.side, place.take, place.item, place.own)
        else:
            refused[address] = found.refused.get(point, "it was not found by inspection")
