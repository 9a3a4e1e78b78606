"""Calibration: which units a model can't do without, found on a text and kept in the workspace by model key.

A unit is protected where ablating it alone raises the loss of the text beyond a bound. The candidates are the units with
the largest activations of each layer, where such units are known to be (Sun et al. 2024, "Massive Activations in Large
Language Models"); what was not tested is not protected, and the result says how many were tested of how many.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Address
from neuronscope.core.errors import BadRequest, NotFound, PointUnavailable
from neuronscope.core.spec import CaptureSpec
from neuronscope.runtime.workspace import Workspace, write_private

if TYPE_CHECKING:
    from neuronscope.corpus.readers import Corpus
    from neuronscope.models.loaded import LoadedModel

log = logging.getLogger("neuronscope.calibration")
FORMAT = 1
DOCUMENTS = 8
PER_LAYER = 32
BOUND = 0.5
"""Nats a token. Why half a nat: docs/decisions/0014-protected-units.md."""
WINDOW = 128
"""Tokens that are run together at most; a longer document is cut."""
Run = Callable[[Callable[[], Any]], Any]


@dataclass(frozen=True, slots=True)
class Protected:
    """A protected unit, and by how many nats a token ablating it alone raises the loss; ``None``: it was no number any more."""

    unit: str
    rise: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was tested and found. ``protected`` has the largest rise first; ``next_rise`` is the largest that was let pass.

    ``tested`` units of ``units`` in all layers of ``points``; ``loss`` is the text's with nothing changed, in nats a token
    over its ``tokens``, special ones left out.
    """

    model_id: str
    model_key: str
    created_at: str
    corpus: str
    documents: int
    tokens: int
    loss: float
    bound: float
    points: tuple[str, ...]
    per_layer: int | None
    tested: int
    units: int
    protected: tuple[Protected, ...] = ()
    next_rise: float | None = None
    unavailable: dict[str, str] = field(default_factory=dict)
    """Default points that can't be ablated in this model, with the reasons."""


def calibrate(
    workspace: Workspace,
    loaded: LoadedModel,
    corpus: Corpus,
    *,
    points: Sequence[str] | None = None,
    per_layer: int | None = PER_LAYER,
    bound: float = BOUND,
    run: Run = lambda work: work(),
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Calibration:
    """Ablate units one by one on the documents of a corpus, and keep which of them are critical.

    ``points`` are names or addresses, by default the neurons and the blocks' outputs; of each layer the ``per_layer`` units
    with the largest |x| on the text are tested, or all of them for ``None``. ``run`` takes one batch at a time, so that
    others get the model in between; ``progress`` counts units. Raises :class:`BadRequest` for a bound that is none or a text
    of less than two tokens, and as the points do; then what was kept before stays.
    """
    from neuronscope.capture.calibrate import counted, largest_sizes, window_losses

    if per_layer is not None and per_layer < 1:
        raise BadRequest("At least one unit of a layer is tested.", "Leave per_layer out, or say null for all of them.")
    if not 0 < bound < math.inf:
        raise BadRequest(f"The bound can't be {bound}.", "It is a rise of the loss in nats a token, above 0.")
    addresses, unavailable = _addresses(loaded, points)
    windows, documents = _windows(loaded, corpus)
    tokens = sum(len(counted(loaded, ids)) for ids in windows)
    if tokens == 0:
        raise BadRequest("The text has no token that another one precedes.", "Give more text.")
    sizes: dict[Address, NDArray[np.float32]] = {}
    before = 0.0
    for ids in windows:
        check()
        before += float(run(lambda ids=ids: window_losses(loaded, ids))[0])  # type: ignore[misc]
        for address, size in run(lambda ids=ids: largest_sizes(loaded, ids, addresses)).items():  # type: ignore[misc]
            sizes[address] = np.maximum(size, sizes.get(address, size))
    candidates = {a: np.argsort(-sizes[a], kind="stable")[:per_layer].tolist() for a in addresses}
    rises = _rises(loaded, windows, candidates, before, run, progress, check) / tokens
    names = [f"{address}:{unit}" for address, units in candidates.items() for unit in units]
    critical = {n for n, rise in enumerate(rises) if not rise <= bound}
    order = sorted(critical, key=lambda n: -rises[n] if math.isfinite(rises[n]) else -math.inf)
    found = Calibration(
        model_id=loaded.model_id,
        model_key=loaded.key,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        corpus=corpus.name,
        documents=documents,
        tokens=tokens,
        loss=before / tokens,
        bound=bound,
        points=tuple(dict.fromkeys(address.point for address in addresses)),
        per_layer=per_layer,
        tested=len(names),
        units=sum(len(size) for size in sizes.values()),
        protected=tuple(Protected(names[n], float(rises[n]) if math.isfinite(rises[n]) else None) for n in order),
        next_rise=max((float(rise) for n, rise in enumerate(rises) if n not in critical), default=None),
        unavailable=unavailable,
    )
    write_private(_path(workspace, loaded.key), json.dumps({"format": FORMAT, **asdict(found)}, allow_nan=False))
    return found


def check_points(loaded: LoadedModel, points: Sequence[str] | None) -> None:
    """Raises at once what :func:`calibrate` would refuse of the points."""
    _addresses(loaded, points)


def _rises(
    loaded: LoadedModel,
    windows: Sequence[Sequence[int]],
    candidates: dict[Address, list[int]],
    before: float,
    run: Run,
    progress: Callable[[int, int], None],
    check: Callable[[], None],
) -> NDArray[np.float64]:
    """Rise of the summed loss over all windows, ``[unit]``, in the order of the candidates."""
    from neuronscope.capture.calibrate import rows_at_once, window_losses

    rows = rows_at_once(loaded, max(len(ids) for ids in windows))
    total, found = sum(len(units) for units in candidates.values()), list[NDArray[np.float64]]()
    done = 0
    progress(0, total)
    for address, units in candidates.items():
        for start in range(0, len(units), rows):
            lot = units[start : start + rows]
            losses = np.zeros(len(lot))
            for ids in windows:
                check()
                losses += run(lambda ids=ids, lot=lot, address=address: window_losses(loaded, ids, address, lot))  # type: ignore[misc]
            found.append(losses - before)
            done += len(lot)
            progress(done, total)
    return np.concatenate(found)


def _addresses(loaded: LoadedModel, points: Sequence[str] | None) -> tuple[list[Address], dict[str, str]]:
    """What is tested, and what of the default points can't be, with the reasons."""
    from neuronscope.capture.calibrate import check_calibrated

    spec = CaptureSpec(None if points is None else tuple(points))
    wanted, unavailable = spec.split(loaded.anatomy.layer_count, loaded.anatomy.refused)
    found = []
    for address in wanted:
        try:
            check_calibrated(loaded, address)
            found.append(address)
        except PointUnavailable as reason:
            if points is not None:
                raise
            unavailable[str(address)] = reason.message
    if not found:
        raise PointUnavailable("None of the default points can be ablated in this model.", "Name others as points.")
    return found, unavailable


def _windows(loaded: LoadedModel, corpus: Corpus) -> tuple[list[list[int]], int]:
    """Windows with a token whose loss counts, and the number of documents."""
    from neuronscope.capture.calibrate import counted
    from neuronscope.corpus.windows import Tokenizer

    documents = list(corpus)
    if not documents:
        raise BadRequest("The corpus has no documents.", "Give some text.")
    tokenizer = Tokenizer(loaded.tokenizer, min(WINDOW, loaded.context_length or WINDOW))
    shard = tokenizer.shard(documents)
    loaded.check_rows([int(shard.ids.max(initial=0))])
    pairs = zip(shard.starts[:-1].tolist(), shard.starts[1:].tolist(), strict=True)
    windows = [shard.ids[start:stop].tolist() for start, stop in pairs]
    return [ids for ids in windows if len(counted(loaded, ids))], len(documents)


def kept(workspace: Workspace, model_key: str) -> Calibration | None:
    """The calibration of these very weights; one that can't be read counts as none, and the log says so."""
    path = _path(workspace, model_key)
    try:
        plain = json.loads(path.read_text("utf-8"))
        if plain.pop("format") != FORMAT:
            raise ValueError("another format")
        plain["protected"] = tuple(Protected(**one) for one in plain["protected"])
        plain["points"] = tuple(plain["points"])
        return Calibration(**plain)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        log.warning("%s is damaged: no unit of that model is protected until it is calibrated anew", path.name)
        return None


def find(workspace: Workspace, loaded: LoadedModel) -> Calibration:
    """The kept calibration; :class:`NotFound` where nobody has made one."""
    found = kept(workspace, loaded.key)
    if found is None:
        raise NotFound(
            f"{loaded.model_id} has not been calibrated, so none of its units is protected.",
            "POST /api/calibrations or `neuronscope calibrate` does it.",
        )
    return found


def forget(workspace: Workspace, loaded: LoadedModel) -> None:
    """Remove the kept calibration: nothing is protected any more. Raises :class:`NotFound` where there is none."""
    try:
        _path(workspace, loaded.key).unlink()
    except FileNotFoundError:
        raise NotFound(f"{loaded.model_id} has not been calibrated.", "There is nothing to forget.") from None


def protected_units(workspace: Workspace, model_key: str) -> frozenset[str]:
    """Units that interventions leave alone unless they say otherwise; none where nothing was calibrated."""
    found = kept(workspace, model_key)
    return frozenset() if found is None else frozenset(one.unit for one in found.protected)


def _path(workspace: Workspace, model_key: str) -> Path:
    return workspace.calibrations / f"{model_key}.json"
