"""Calibrations: units that are protected, since the model can't do without them."""

from __future__ import annotations

from flask import Response

from neuronscope.api import calibrations
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.calibrations import (
    CalibrationOut,
    CalibrationQuery,
    CalibrationRequest,
    Forgotten,
    KeptCalibration,
)
from neuronscope.api.schemas.jobs import JobOut

api = blueprint("calibrations", "Units that a model can't do without, and that interventions leave alone.")


@api.get("/calibrations", responses={200: CalibrationOut})
def get_calibration(query: CalibrationQuery) -> Response:
    """The protected units of a model, as they were found; 404 where it was never calibrated"""
    return reply(calibrations.found(services(), query.model_id))


@api.get("/calibrations/kept", responses={200: KeptCalibration})
def get_kept_calibration(query: CalibrationQuery) -> Response:
    """The protected units of a model, as they were found, or null where it was never calibrated"""
    return reply(calibrations.kept(services(), query.model_id))


@api.post("/calibrations", responses={202: JobOut})
def create_calibration(body: CalibrationRequest) -> Response:
    """Start ablating units one by one; the job's result lists those whose loss rises beyond the bound"""
    return reply(calibrations.start_calibration(services(), body), 202)


@api.delete("/calibrations", responses={200: Forgotten})
def delete_calibration(query: CalibrationQuery) -> Response:
    """Forget a model's calibration: none of its units is protected any more"""
    return reply(calibrations.forget(services(), query.model_id))
