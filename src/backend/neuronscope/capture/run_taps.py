"""The taps of a run: in its first passes what passes is copied, later it is held, where that has proved safe."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from torch import Tensor

from neuronscope.capture.held import HeldTaps
from neuronscope.capture.taps import read_taps
from neuronscope.capture.watch import Watch
from neuronscope.core.address import Address
from neuronscope.models.loaded import LoadedModel

Learnt = tuple[frozenset[Address], dict[Address, Address]]
"""What changes in place, and inputs that are the very tensor of another address."""
COPIED_PASSES = 2
"""The prompt, and the first single token: what changes in place in one of them is copied ever after."""


class RunTaps:
    """Gives a :class:`Watch` the tensors of each pass between :meth:`begin` and :meth:`end`. ``shape`` as in ``read_taps``."""

    def __init__(self, loaded: LoadedModel, watch: Watch, shape: Sequence[int]) -> None:
        self._loaded, self._watch, self._shape = loaded, watch, shape
        self._passes, self._copied_passes = 0, COPIED_PASSES
        self._on = False
        self._versions: list[tuple[Address, Tensor, int]] = []
        self._copied: set[Address] = set(watch.addresses)
        self._changing: set[Address] = set()
        self._same: dict[Address, Address] = {}
        self._held: HeldTaps | None = None
        self._stack = ExitStack()
        self.collected: tuple[list[Address], list[Tensor]] = ([], [])
        """What the last pass held."""
        self.lost: tuple[Address, ...] = ()
        """What the last pass changed in place before it could be read; it is copied from now on."""

    @property
    def learnt(self) -> Learnt:
        """What was seen of the model's passes."""
        return frozenset(self._changing), dict(self._same)

    def begin_with(self, learnt: Learnt) -> None:
        """Another run of the same model and points saw this, so that only the prompt is copied."""
        self._changing, self._same = set(learnt[0]), dict(learnt[1])
        self._copied_passes = 1

    def __enter__(self) -> Self:
        self._set(self._copied)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._versions.clear()
        self.collected = ([], [])

    def _set(self, copied: set[Address]) -> None:
        """Copy these and hold the rest."""
        self._stack.close()
        self._copied = copied
        ordered = [address for address in self._watch.addresses if address in copied]
        self._stack.enter_context(read_taps(self._loaded, ordered, self._shape, self._take))
        rest = [address for address in self._watch.addresses if address not in copied]
        same = {address: self._same[address] for address in rest if self._same.get(address) in rest}
        self._held = self._stack.enter_context(HeldTaps(self._loaded, rest, same)) if rest else None

    def begin(self) -> None:
        """Read the next pass."""
        if self._held is not None and not self._held.direct:
            self._same = {}
            self._set(self._changing)
        if self._passes == self._copied_passes:
            self._set(self._changing)
        self._passes += 1
        self._on = True
        if self._held is not None:
            self._held.begin()

    def end(self) -> None:
        """The pass is over, or it failed."""
        self._on = False
        if self._held is not None:
            self._held.end()

    def collect(self) -> None:
        """Hand over what the pass held."""
        if self._versions:
            self._changing.update(a for a, tensor, version in self._versions if tensor._version != version)
            same = self._inputs_that_are_outputs()
            first = self._passes == 1 and self._copied_passes > 1
            self._same = same if first else {a: b for a, b in self._same.items() if same.get(a) == b}
            self._versions.clear()
        self.lost = ()
        if self._held is None:
            return
        addresses, tensors, changed = self._held.collect()
        self.collected = addresses, tensors
        self._watch.take_held(addresses, tensors)
        if changed:
            self.lost = tuple(changed)
            self._changing.update(changed)
            self._set(self._changing)

    @property
    def hold_all(self) -> bool:
        """Whether passes are held, and nothing of them is copied."""
        return self._held is not None and not self._copied

    def again(self, collected: tuple[list[Address], list[Tensor]]) -> None:
        """Hand over what a pass held that was computed anew without the model's own code."""
        self.lost = ()
        self._watch.take_held(*collected)

    def _inputs_that_are_outputs(self) -> dict[Address, Address]:
        """Of what was copied, inputs of modules that are the very tensor of a point before them: a block's, most of all."""
        found: dict[Address, Address] = {}
        first: dict[int, Address] = {}
        for address, tensor, _ in self._versions:
            before = first.setdefault(id(tensor), address)
            site, other = (self._loaded.anatomy.site(one) for one in (address, before))
            # Points of one place need one hook as it is: what enters the first block is the embedding too.
            if site.side == "input" and site.module is not other.module:
                found[address] = before
        return found

    def _take(self, address: Address, tensor: Tensor) -> None:
        if not self._on:
            return
        if self._passes <= self._copied_passes:
            if tensor.is_inference():
                self._changing.add(address)  # such tensors count no versions
            else:
                self._versions.append((address, tensor, tensor._version))
        # A model that gives the logits of all positions is read like one that gives the last.
        self._watch.take(address, tensor[:, -1:] if address.point == "logits" else tensor)
