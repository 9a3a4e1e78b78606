"""Model cards, and what takes longer to find out about a model."""

from __future__ import annotations

from flask import Response

from neuronscope.api import cards
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.cards import CardQuery, ModelCard, WeightReport, WeightsRequest
from neuronscope.api.schemas.jobs import JobOut

api = blueprint("cards", "What a model is made of and what it computes.")


@api.get("/models/card", responses={200: ModelCard})
def get_model_card(query: CardQuery) -> Response:
    """Block diagram, equations, parameter counts, hook points, tokenizer and parity of a model; loads it if need be"""
    return reply(cards.model_card(services(), query.model_id))


@api.post("/models/weights", responses={202: JobOut})
def measure_weights(body: WeightsRequest) -> Response:
    """Start measuring a model's weights: histograms, norms, dead and duplicate neurons; kept for the next time"""
    return reply(cards.start_weights(services(), body.model_id), 202)


@api.get("/models/weights", responses={200: WeightReport})
def get_weights(query: CardQuery) -> Response:
    """The weights as measured before: 404 where nobody has asked for that yet"""
    return reply(cards.weight_report(services(), query.model_id))
