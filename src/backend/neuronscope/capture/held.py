"""Taps for steps of one token: a hook only holds on to what passes, and all is looked at once the pass is over.

Between two layers every line of ours runs on a cold cache, so a hook does as little as it can: no copy, no call.
What a model changed in place after it passed a tap is told by the tensor's version counter; such a tensor is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from neuronscope.core.address import Address
from neuronscope.models.anatomy import Site
from neuronscope.models.inspection.probe import hidden_of, output_of, with_batch
from neuronscope.models.inspection.sites import whole
from neuronscope.models.loaded import LoadedModel

_Held = list[tuple[int, Any, int] | None]
PURE = (nn.Linear, Conv1D)
"""Modules that are known not to change their input, so that one hook behind them sees both sides. Not their subclasses."""


class HeldTaps:
    """Within it, passes between :meth:`begin` and :meth:`collect` leave their tensors at ``addresses``.

    Only points that are a module's input or output; rows of attention have ways of their own. ``same`` names inputs that
    proved to be the very tensor of another address: they are read there, as long as :attr:`direct` holds.
    """

    def __init__(
        self, loaded: LoadedModel, addresses: Iterable[Address], same: Mapping[Address, Address] | None = None
    ) -> None:
        same = same or {}
        self._places: list[tuple[nn.Module, str, int]] = []
        self._read: list[list[tuple[Address, Site]]] = []
        by_place: dict[tuple[nn.Module, str, int], list[tuple[Address, Site]]] = {}
        for address in addresses:
            site = loaded.anatomy.site(same.get(address, address))
            by_place.setdefault((site.module, site.side, site.item), []).append((address, site))
        self._unhooked = [loaded.anatomy.site(address).module for address in same]
        for place, group in by_place.items():
            self._places.append(place)
            self._read.append(group)
        # ``None`` for a site that is the whole tensor, which is most of them.
        self._takes = [[None if site.take is whole else site for _, site in group] for group in self._read]
        self._numbers: list[int] = []
        self._found: list[Address] = []
        # By place: the pass, its tensor and the tensor's version. Each pass puts its tensors in place of those of the pass
        # before: the allocator then gives the same memory again, where it would return that of many freed at once.
        self._held: _Held = [None] * len(self._places)
        self._stack = ExitStack()
        self._pass, self._on = 0, 0

    def __enter__(self) -> Self:
        numbers = {place: number for number, place in enumerate(self._places)}
        for number, (module, side, item) in enumerate(self._places):
            other = numbers.get((module, "input" if side == "output" else "output", 0))
            if other is not None and item == 0 and type(module) in PURE:
                if side == "output":
                    handle = module.register_forward_hook(self._both_hook(other, number), with_kwargs=True)
                    self._stack.callback(handle.remove)
                continue
            if side == "input":
                handle = module.register_forward_pre_hook(self._input_hook(number), with_kwargs=True)
            else:
                handle = module.register_forward_hook(self._output_hook(number, item))
            self._stack.callback(handle.remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._held[:] = [None] * len(self._held)

    @property
    def direct(self) -> bool:
        """Whether nobody changes inputs on their way, so that what is ``same`` still is."""
        return not any(module._forward_pre_hooks for module in self._unhooked)

    def begin(self) -> None:
        """Hold what passes from here on."""
        self._pass += 1
        self._on = self._pass

    def end(self) -> None:
        """Hold nothing more."""
        self._on = 0

    def collect(self) -> tuple[list[Address], list[Tensor], list[Address]]:
        """Addresses that were held, their tensors ``[1, 1, …]``, and addresses that changed in place.

        Points that are one tensor have the very same: what leaves a block is what enters the next. As long as a model's
        passes are alike, the list of addresses is the same list.
        """
        held = [(number, *one[1:]) for number, one in enumerate(self._held) if one is not None and one[0] == self._pass]
        changed = [number for number, tensor, version in held if tensor._version != version]
        if changed:
            held = [one for one in held if one[0] not in changed]
        numbers = [number for number, _, _ in held]
        if numbers != self._numbers:
            self._numbers = numbers
            self._found = [address for number in numbers for address, _ in self._read[number]]
        tensors: list[Tensor] = []
        for number, tensor, _ in held:
            for site in self._takes[number]:
                tensors.append(tensor if site is None else site.take(with_batch(tensor, 1, 1)))
        return self._found, tensors, [address for number in changed for address, _ in self._read[number]]

    def _input_hook(self, number: int) -> Callable[..., None]:
        held = self._held

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if on := self._on:
                tensor = args[0] if args and isinstance(args[0], Tensor) else hidden_of(args, kwargs)
                assert tensor is not None
                held[number] = (on, tensor, tensor._version)

        return hook

    def _both_hook(self, before: int, after: int) -> Callable[..., None]:
        held = self._held

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
            if on := self._on:
                tensor = args[0] if args else hidden_of(args, kwargs)
                assert tensor is not None
                held[before] = (on, tensor, tensor._version)
                held[after] = (on, output, output._version)

        return hook

    def _output_hook(self, number: int, item: int) -> Callable[..., None]:
        held = self._held

        def hook(_module: nn.Module, _args: object, output: Any) -> None:
            if on := self._on:
                tensor = output if isinstance(output, Tensor) else _tensor_of(output, item)
                held[number] = (on, tensor, tensor._version)

        return hook


def _tensor_of(output: Any, item: int) -> Tensor:
    found = output.logits if hasattr(output, "logits") else output_of(output, item)
    assert found is not None
    return found
