"""Quantization's effect on neurons: the same prompts through one model in two precisions, kept as a folder of the workspace.

The two are loaded one after the other, so that the larger one never needs room beside it; activations wait on disk.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuronscope.analysis.precision import TOP_K, LayerEffect, layer_effect, neuron_effects
from neuronscope.core.errors import BadRequest, StorageFull
from neuronscope.core.ids import new_id
from neuronscope.runtime.comparisons import Comparison, Summary
from neuronscope.runtime.workspace import Workspace, write_guard

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

T = TypeVar("T")
PRECISIONS = ("float32", "float16", "bfloat16", "int8", "nf4")
Progress = Callable[[int, int], None]


class Borrow(Protocol):
    """Gives work a model loaded with these options, and frees it afterwards."""

    def __call__(self, options: dict[str, str], work: Callable[[LoadedModel], T]) -> T: ...


def options_of(precision: str) -> dict[str, str]:
    """What to load with for a precision. Raises :class:`BadRequest` for one that does not exist."""
    if precision not in PRECISIONS:
        raise BadRequest(f"'{precision[:40]}' is no precision.", f"There are {', '.join(PRECISIONS)}.")
    if precision in ("int8", "nf4"):
        return {"quantization": precision}
    return {"dtype": precision, "quantization": "none"}


def compare(
    workspace: Workspace,
    borrow: Borrow,
    prompts: Sequence[str],
    a: str = "float32",
    b: str = "nf4",
    *,
    progress: Progress = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Comparison:
    """Run the prompts in both precisions and compare every neuron; the result is kept in the workspace.

    Special tokens are left out. ``progress`` counts tokens of both runs. Raises :class:`BadRequest` for two equal
    precisions, no prompt, or fewer than two tokens; :class:`StorageFull` where the activations would not fit on the
    disk; and what ``borrow`` and the prompts raise. Then nothing is left behind.
    """
    first, second = options_of(a), options_of(b)
    if a == b:
        raise BadRequest(f"Both precisions are {a}.", "Choose two that differ.")
    if not prompts:
        raise BadRequest("No prompts are given.", "Give at least one text.")
    folder = workspace.precision_path(new_id("p"))
    with write_guard(folder):
        folder.mkdir(mode=0o700)
        with _scratch(folder) as scratch:
            run_a = borrow(first, lambda loaded: _run(loaded, prompts, scratch / "a", progress, check, half=0))
            run_b = borrow(second, lambda loaded: _run(loaded, prompts, scratch / "b", progress, check, half=1))
            layers = _compare_layers(scratch, run_a.layers, folder, check)
        summary = Summary(
            comparison_id=folder.name,
            model_id=run_a.model_id,
            a=a,
            b=b,
            device=run_a.device,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            prompts=len(prompts),
            tokens=run_a.tokens,
            neurons=sum(layer.neurons for layer in layers),
            top_k=min(TOP_K, run_a.tokens),
            weight_bytes_a=run_a.weight_bytes,
            weight_bytes_b=run_b.weight_bytes,
            loss_a=run_a.loss,
            loss_b=run_b.loss,
            same_next=float((run_a.next_tokens == run_b.next_tokens).mean()),
            layers=layers,
        )
        (folder / "summary.json").write_text(json.dumps(asdict(summary)), "utf-8")
    return Comparison.open(folder)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    model_id: str
    device: str
    weight_bytes: int
    tokens: int
    layers: list[int]
    loss: float | None
    next_tokens: NDArray[np.int64]


def _run(
    loaded: LoadedModel,
    prompts: Sequence[str],
    folder: Path,
    progress: Progress,
    check: Callable[[], None],
    half: int,
) -> _Run:
    """One precision's part: its neurons on every plain token into one file per layer ``[token, neuron]``."""
    from neuronscope.capture.precision import run_tokens

    encoded = [loaded.encode(prompt) for prompt in prompts]
    every = sum(len(e.ids) for e in encoded)
    plain = sum(not token.special for e in encoded for token in e.tokens)
    if plain < 2:
        raise BadRequest("The prompts have fewer than two tokens.", "Give more text.")
    layers = [n for n in range(loaded.anatomy.layer_count) if _has_neurons(loaded, n)]
    if not layers:
        raise BadRequest(f"{loaded.model_id} has no neurons to compare: no layer serves mlp_act.")
    folder.mkdir()
    needed = 4 * plain * sum(loaded.anatomy.neurons_in(n) for n in layers)
    free = shutil.disk_usage(folder).free
    if needed > 0.9 * free:
        raise StorageFull(
            f"The activations of {plain} tokens take {needed / 1e9:.1f} GB while they are compared; "
            f"{free / 1e9:.1f} GB are free on the disk.",
            "Give fewer or shorter prompts.",
        )
    files = {
        n: np.lib.format.open_memmap(
            folder / f"{n}.npy", mode="w+", dtype=np.float32, shape=(plain, loaded.anatomy.neurons_in(n))
        )
        for n in layers
    }
    losses: list[NDArray[np.float32]] = []
    following: list[NDArray[np.int64]] = []
    at = done = 0
    for tokens in encoded:
        check()
        kept = np.array([not token.special for token in tokens.tokens])

        def keep(layer: int, values: NDArray[np.float32], kept: NDArray[np.bool_] = kept, at: int = at) -> None:
            files[layer][at : at + int(kept.sum())] = values[kept]

        loss, likeliest = run_tokens(loaded, tokens, layers, keep)
        losses.append(loss)
        following.append(likeliest)
        at, done = at + int(kept.sum()), done + len(tokens.ids)
        progress(half * every + done, 2 * every)
    for file in files.values():
        file.flush()
    all_losses = np.concatenate(losses)
    return _Run(
        model_id=loaded.model_id,
        device=str(loaded.device),
        weight_bytes=loaded.weight_bytes,
        tokens=plain,
        layers=layers,
        loss=float(all_losses.mean()) if len(all_losses) else None,
        next_tokens=np.concatenate(following),
    )


def _has_neurons(loaded: LoadedModel, layer: int) -> bool:
    from neuronscope.core.address import Address

    return Address("mlp_act", layer) in loaded.anatomy.sites


def _compare_layers(scratch: Path, layers: list[int], folder: Path, check: Callable[[], None]) -> list[LayerEffect]:
    effects: list[LayerEffect] = []
    tables: list[NDArray[np.void]] = []
    for layer in layers:
        check()
        both = [np.load(scratch / side / f"{layer}.npy", mmap_mode="r", allow_pickle=False) for side in "ab"]
        rows = neuron_effects(layer, both[0], both[1])
        effects.append(layer_effect(rows, both[0], both[1]))
        tables.append(rows)
    np.save(folder / "neurons.npy", np.concatenate(tables), allow_pickle=False)
    return effects


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    scratch = folder / "scratch"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def compare_precisions(
    ref: str | Path,
    prompts: str | Sequence[str],
    a: str = "float32",
    b: str = "nf4",
    *,
    device: str | None = None,
    revision: str | None = None,
    workspace: Workspace | None = None,
    progress: Progress = lambda done, total: None,
) -> Comparison:
    """What a precision does to every neuron of a model: the same prompts in ``a`` and in ``b``.

    ``ref`` as for :func:`neuronscope.load`; precisions are float32, float16, bfloat16, int8 (CUDA) and nf4. Each is
    loaded, run and freed in turn. Errors as in :func:`compare`.
    """
    from neuronscope.runtime.freeing import release_memory
    from neuronscope.runtime.scope import load

    def borrow(options: dict[str, Any], work: Callable[[LoadedModel], T]) -> T:
        try:
            return work(load(ref, **options, device=device, revision=revision, workspace=workspace).loaded)
        finally:
            release_memory()

    texts = [prompts] if isinstance(prompts, str) else prompts
    return compare(workspace or Workspace.default(), borrow, texts, a, b, progress=progress)
