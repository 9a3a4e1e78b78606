"""Calibrations as the routes send them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from neuronscope.api import corpora
from neuronscope.api.reply import job_out
from neuronscope.api.schemas.calibrations import CalibrationOut, CalibrationRequest, Forgotten, KeptCalibration
from neuronscope.api.schemas.jobs import JobOut
from neuronscope.api.services import Services
from neuronscope.core.errors import BadRequest
from neuronscope.runtime import calibration
from neuronscope.runtime.jobs import JobHandle

if TYPE_CHECKING:
    from neuronscope.corpus.readers import Corpus


def found(services: Services, model_id: str | None) -> CalibrationOut:
    """What was found for these very weights; :class:`~neuronscope.core.errors.NotFound` where nobody has looked."""
    # Not on the model's own thread: what is kept must not wait for what runs there.
    loaded = services.engine.load(services.present(model_id))
    return CalibrationOut.model_validate(asdict(calibration.find(services.workspace, loaded)))


def kept(services: Services, model_id: str | None) -> KeptCalibration:
    """The same for who only wants to know whether anybody has looked: to that, none is an answer and no error."""
    loaded = services.engine.load(services.present(model_id))
    one = calibration.kept(services.workspace, loaded.key)
    return KeptCalibration.model_validate({"calibration": None if one is None else asdict(one)})


def forget(services: Services, model_id: str | None) -> Forgotten:
    """Let all units be changed again."""
    loaded = services.engine.load(services.present(model_id))
    calibration.forget(services.workspace, loaded)
    return Forgotten(forgotten=loaded.model_id)


def start_calibration(services: Services, body: CalibrationRequest) -> JobOut:
    """A job that ablates units one by one. The same wish while one is at it gets the same job.

    What the model lacks is refused at once where it is loaded, and is the job's error where it is not yet.
    """
    engine, model_id = services.engine, services.present(body.model_id)
    if body.corpus is not None and body.text is not None:
        raise BadRequest("Both a corpus and a text are named.", "Give one of the two.")
    engine.check(model_id)
    loaded = engine.loaded().get(model_id)
    if loaded is not None:
        calibration.check_points(loaded, body.points)
    corpus = _texts(services, body)

    def work(handle: JobHandle) -> dict[str, object]:
        found = calibration.calibrate(
            services.workspace,
            engine.load(model_id),
            corpora.watched(corpus, handle.check),
            points=body.points,
            per_layer=body.per_layer,
            bound=body.bound,
            run=lambda batch: engine.run(model_id, lambda _: batch()),
            progress=lambda done, total: handle.progress(done, total, "units"),
            check=handle.check,
        )
        return CalibrationOut.model_validate(asdict(found)).model_dump()

    title = f"Calibration of {model_id} on {corpus.name}"
    same = ("calibration", model_id, body.model_dump_json())
    return job_out(services.jobs.start("calibration", title, work, model_id=model_id, same=same))


def _texts(services: Services, body: CalibrationRequest) -> Corpus:
    from neuronscope.corpus.readers import from_texts

    if body.text is not None:
        return from_texts([body.text], "a text")
    return corpora.open_corpus(services.workspace, body.corpus or corpora.BUNDLED, body.documents, body.field)
