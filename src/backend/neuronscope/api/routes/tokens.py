"""Tokens: which neurons they drive."""

from __future__ import annotations

from flask import Response

from neuronscope.api import neurons
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.neurons import TokenQuery, TokenTop

api = blueprint("tokens", "Which neurons a token drives.")


@api.get("/tokens/top", responses={200: TokenTop})
def top_neurons(query: TokenQuery) -> Response:
    """The neurons that a token drives hardest, from an index"""
    return reply(neurons.token_top(services(), query))
