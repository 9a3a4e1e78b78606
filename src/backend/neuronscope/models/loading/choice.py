"""In which precision and on which device a model is loaded: what was asked for, or what fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuronscope.core.errors import BadRequest, InsufficientMemory
from neuronscope.models.loading import memory
from neuronscope.models.loading.devices import cards, default_device
from neuronscope.models.loading.memory import BYTES, PRECISIONS, Demand, demand, readable
from neuronscope.models.loading.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model would be loaded, and what that takes of what is free."""

    device: str
    dtype: str
    quantization: str
    demand: Demand
    free: int
    options: tuple[Demand, ...]
    """Every precision that the device can run."""
    by_itself: bool = False
    """Whether a smaller precision was not asked for, but taken because the usual one would not fit."""

    @property
    def precision(self) -> str:
        return self.demand.precision

    @property
    def fits(self) -> bool:
        return self.demand.bytes <= self.free


def choose(
    sizes: Sizes,
    *,
    dtype: str | None = None,
    quantization: str | None = None,
    device: str | None = None,
    spare: int = 0,
) -> Choice:
    """What loading with these options means; ``spare`` are bytes that can be freed beside those that are free.

    Where no dtype is given and the usual one would not fit, the one that the weights are stored in is taken where that
    would: it loses nothing. Where no quantization is given either and that would not fit, NF4 is taken where it would.
    Where no device is given and one card is too small, all of them are taken.
    Raises :class:`BadRequest` for what there is not.
    """
    place = device or default_device()
    if quantization == "int8" and not runs_int8(place):
        raise BadRequest(
            f"int8 runs on CUDA only, not on {place}: on a CPU it is ten times slower than float32.",
            "Use nf4, which runs everywhere, or leave quantization out.",
        )
    free = memory.free_bytes(place) + spare
    options = tuple(_in(sizes, precision, place) for precision in PRECISIONS if precision != "int8" or runs_int8(place))
    wanted = quantization or "none"
    number = dtype or default_dtype(sizes, place, wanted)
    first = Choice(place, number, wanted, demand(sizes, number, wanted), free, options)
    if not first.fits and device is None and cards() > 1:
        spread = choose(sizes, dtype=dtype, quantization=quantization, device="auto", spare=spare)
        if spread.fits:
            return spread
    if first.fits or dtype is not None:
        return first
    smaller = [(sizes.dtype, "none")] if wanted == "none" and sizes.dtype in BYTES else []
    if quantization is None:
        smaller.append((default_dtype(sizes, place, "nf4"), "nf4"))
    others = (Choice(place, n, q, demand(sizes, n, q), free, options, by_itself=True) for n, q in smaller)
    return next((other for other in others if other.fits), first)


def default_dtype(sizes: Sizes, device: str, quantization: str = "none") -> str:
    """float32 on a CPU, where halves are slow and coarse; elsewhere the dtype of the stored weights.

    With a quantization it is the dtype of everything that is not quantized, and of the computing.
    """
    if quantization == "int8":
        return "float16"
    if device.partition(":")[0] == "cpu":
        return "float32"
    if quantization == "nf4" and sizes.dtype == "float32":
        return "bfloat16"
    return sizes.dtype if sizes.dtype in BYTES else "float32"


def runs_int8(device: str) -> bool:
    """Whether bitsandbytes' int8 layers have kernels for the device."""
    return device.startswith("cuda") or device == "auto"


def _in(sizes: Sizes, precision: str, device: str) -> Demand:
    if precision in BYTES:
        return demand(sizes, precision)
    return demand(sizes, default_dtype(sizes, device, precision), precision)


def refusal(model_id: str, choice: Choice, smaller: Sequence[str] = ()) -> InsufficientMemory:
    """The error for a choice that does not fit: the numbers, and which precisions or other models would fit."""
    message = (
        f"{model_id} needs about {readable(choice.demand.bytes)} in {choice.precision} on {choice.device}; "
        f"{readable(choice.free)} are free."
    )
    fitting = [f"{one.precision} ({readable(one.bytes)})" for one in choice.options if one.bytes <= choice.free]
    if fitting:
        return InsufficientMemory(message, f"It would fit in {_listed(fitting)}.")
    if smaller:
        return InsufficientMemory(message, f"It fits in no precision. {_listed(list(smaller))} would fit.")
    return InsufficientMemory(message, "It fits in no precision. Choose a smaller model, or unload others.")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
