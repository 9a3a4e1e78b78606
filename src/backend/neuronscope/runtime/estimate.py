"""What a load would take, told before anything is loaded, and what would fit instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neuronscope.core.errors import InsufficientMemory, UnsafeModel, UnsupportedModel
from neuronscope.models.loading import memory
from neuronscope.models.loading.choice import Choice, choose, refusal
from neuronscope.models.loading.devices import check_device, default_device
from neuronscope.models.loading.files import check_path
from neuronscope.models.loading.sources import ModelSource, Sources

SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """``choice`` is None where the model's size is not known; then ``message`` says so."""

    model_id: str
    device: str
    free: int
    context: int
    choice: Choice | None
    refusal: InsufficientMemory | None = None
    message: str = ""
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for REST and the command line; None where the model's size is not known."""
        choice, error = self.choice, self.refusal
        need = None if choice is None else choice.demand
        return {
            "model_id": self.model_id,
            "device": self.device,
            "free_bytes": self.free,
            "chosen": need and need.precision,
            "dtype": choice and choice.dtype,
            "quantization": choice and choice.quantization,
            "context": self.context,
            "fits": choice and choice.fits,
            "weights_bytes": need and need.weights,
            "cache_bytes": need and need.cache,
            "capture_bytes": need and need.capture,
            "bytes": need and need.bytes,
            "options": [] if choice is None else needs(choice),
            "message": self.message if error is None else error.message,
            "hint": self.hint if error is None else error.hint,
        }


def needs(choice: Choice) -> list[dict[str, Any]]:
    """What each precision takes at its peak, and whether that is free."""
    return [
        {"precision": one.precision, "bytes": one.bytes, "fits": one.bytes <= choice.free} for one in choice.options
    ]


def weigh(
    sources: Sources,
    model_id: str,
    *,
    revision: str | None = None,
    dtype: str | None = None,
    quantization: str | None = None,
    device: str | None = None,
    spare: int = 0,
) -> Estimate:
    """What loading would take; ``spare`` bytes can be freed beside those that are free.

    Raises what would keep the model from loading, other than memory.
    """
    from neuronscope.models.loading.loader import choose_for

    source = sources.find(model_id)
    if not source.loadable:
        if source.folder is not None:
            check_path(source.folder, remote_code=source.trusted)
        raise why_not(source)
    files = None
    if source.folder is not None and revision in (None, source.revision):
        files = check_path(source.folder, remote_code=source.trusted)
    place = check_device(device) or default_device()
    free = memory.free_bytes(place) + spare
    if source.sizes is None:
        message = f"The size of {model_id} is not known before it is fetched."
        return Estimate(model_id, place, free, memory.CONTEXT, None, message=message, hint="It is checked after that.")
    options: dict[str, Any] = {"dtype": dtype, "quantization": quantization, "device": device, "spare": spare}
    choice = choose(source.sizes, **options) if files is None else choose_for(files, **options)
    error = None if choice.fits else refusal(model_id, choice, _smaller(sources, source, choice))
    context = min(source.sizes.context or memory.CONTEXT, memory.CONTEXT)
    return Estimate(model_id, choice.device, choice.free, context, choice, error)


def why_not(source: ModelSource) -> UnsupportedModel:
    """The error for a source that is listed but can't be loaded."""
    kind = UnsafeModel if source.source == "hub" else UnsupportedModel
    return kind(f"{source.model_id} can't be loaded: {source.note}")


def _smaller(sources: Sources, source: ModelSource, choice: Choice) -> list[str]:
    """The largest listed models that would fit, those of the same family first."""
    fitting = []
    for other in sources.list():
        if other.sizes is None or not other.loadable or other.model_id == source.model_id:
            continue
        if any(one.bytes <= choice.free for one in choose(other.sizes, device=choice.device).options):
            fitting.append(other)
    fitting.sort(key=lambda other: (other.family != source.family, -(other.parameters or 0)))
    return [other.model_id for other in fitting[:SUGGESTED]]
