"""Model cards and weight reports as the routes send them."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from neuronscope.api.reply import job_out
from neuronscope.api.schemas.cards import ModelCard, WeightReport
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.services import Services
from neuronscope.runtime import weights
from neuronscope.runtime.jobs import ENDED, Job, JobHandle

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

# Its formulas take a forward pass and some arithmetic, and never change while the model is loaded.
_cards: WeakKeyDictionary[LoadedModel, ModelCard] = WeakKeyDictionary()
PATIENCE = 2.0
"""Seconds that a request waits for a job whose result only needs to be read."""


def model_card(services: Services, model_id: str | None) -> ModelCard:
    """The card of a model, loaded if need be."""
    return services.engine.run(services.present(model_id), _card)


def _card(loaded: LoadedModel) -> ModelCard:
    from neuronscope.models.cards.card import describe

    card = _cards.get(loaded)
    if card is None:
        card = _cards[loaded] = ModelCard.model_validate(asdict(describe(loaded)))
    return card


def weight_report(services: Services, model_id: str | None) -> WeightReport:
    """What was measured before of these very weights; :class:`~neuronscope.core.errors.NotFound` where nothing was."""
    wanted = services.present(model_id)
    # Not on the model's own thread: what is kept must not wait for what runs there.
    return WeightReport.model_validate(weights.find(services.workspace, services.engine.load(wanted)))


def start_weights(services: Services, model_id: str | None) -> JobOut:
    """A job that measures a model's weights; the one that is at it already, or a done one where the report is kept."""
    engine, workspace = services.engine, services.workspace
    wanted = services.present(model_id)
    engine.check(wanted)
    key = engine.load(wanted).key if wanted in engine.loaded_ids() else None
    ready = key is not None and weights.kept(workspace, key) is not None
    before = _same(services, wanted, key if ready else None)
    if before is not None:
        return job_out(before)

    def work(handle: JobHandle) -> dict[str, object]:
        loaded = engine.load(wanted)
        report = weights.measure(
            workspace,
            loaded,
            run=lambda layer: engine.run(wanted, lambda _: layer()),
            progress=lambda done, total: handle.progress(done, total, "layers"),
            check=handle.check,
        )
        layers = report["layers"]
        return {
            "model_id": wanted,
            "model_key": report["model_key"],
            "layers": len(layers),
            "dead": sum(layer["dead_count"] for layer in layers),
            "duplicates": sum(layer["duplicate_count"] for layer in layers),
        }

    job = services.jobs.start("weights", f"Weights of {wanted}", work, model_id=wanted)
    end = time.monotonic() + PATIENCE
    while ready and job.state not in ENDED and time.monotonic() < end:
        time.sleep(0.01)
    return job_out(services.jobs.get(job.job_id))


def _same(services: Services, model_id: str, ready_key: str | None) -> Job | None:
    """A job for the same: at work now, or done where its report is still kept."""
    for job in services.jobs.list():
        if job.kind != "weights" or job.model_id != model_id:
            continue
        if job.state not in ENDED:
            return job
        if job.state == "done" and ready_key is not None and (job.result or {}).get("model_key") == ready_key:
            return job
    return None
