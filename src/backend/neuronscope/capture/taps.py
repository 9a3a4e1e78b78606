"""Read taps: hooks on the real modules that hand each tensor on and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from neuronscope.core.address import Address
from neuronscope.models.anatomy import Site
from neuronscope.models.inspection.probe import hidden_of, output_of, with_batch
from neuronscope.models.inspection.watching import observe_rows
from neuronscope.models.loaded import LoadedModel

Sink = Callable[[Address, Tensor], None]


@contextmanager
def read_taps(loaded: LoadedModel, addresses: Iterable[Address], shape: Sequence[int], sink: Sink) -> Iterator[None]:
    """Within it, each forward pass over ids of ``shape`` (batch, positions) calls ``sink(address, tensor)``.

    ``shape`` is read at each pass: a list of two numbers may change between passes.

    The tensor is the model's own, ``[batch, …axes]`` on its device and in its dtype: whoever keeps it copies it, since
    some families go on to change theirs in place. Raises what :meth:`Anatomy.site` raises before anything is hooked.
    """
    sites = {address: loaded.anatomy.site(address) for address in addresses}
    with ExitStack() as stack:
        rows: dict[nn.Module, list[tuple[Address, Site]]] = {}
        for (module, side), group in _by_place(sites).items():
            if side == "input":
                hook: Any = _input_hook(group, shape, sink)
                handle = module.register_forward_pre_hook(hook, with_kwargs=True)
            elif side == "output":
                handle = module.register_forward_hook(_output_hook(group, shape, sink))
            else:
                rows[module] = group
                continue
            stack.callback(handle.remove)
        if rows:
            sinks = {module: _rows_sink(group, sink) for module, group in rows.items()}
            own = {module for module, group in rows.items() if any(site.own for _, site in group)}
            stack.enter_context(observe_rows(loaded.model, shape[0], sinks, own))
        yield


def _by_place(sites: dict[Address, Site]) -> dict[tuple[nn.Module, str], list[tuple[Address, Site]]]:
    places: dict[tuple[nn.Module, str], list[tuple[Address, Site]]] = {}
    for address, site in sites.items():
        places.setdefault((site.module, site.side), []).append((address, site))
    return places


def _input_hook(group: list[tuple[Address, Site]], shape: Sequence[int], sink: Sink) -> Callable[..., None]:
    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        hidden = hidden_of(args, kwargs)
        assert hidden is not None
        for address, site in group:
            sink(address, site.take(with_batch(hidden, *shape)))

    return hook


def _output_hook(group: list[tuple[Address, Site]], shape: Sequence[int], sink: Sink) -> Callable[..., None]:
    def hook(_module: nn.Module, _args: object, output: Any) -> None:
        for address, site in group:
            hidden = output.logits if hasattr(output, "logits") else output_of(output, site.item)
            assert hidden is not None
            sink(address, site.take(with_batch(hidden, *shape)))

    return hook


def _rows_sink(group: list[tuple[Address, Site]], sink: Sink) -> Callable[[Tensor], None]:
    def give(rows: Tensor) -> None:
        for address, site in group:
            sink(address, site.take(rows))

    return give
