"""Neurons: what drives them."""

from __future__ import annotations

from flask import Response

from neuronscope.api import indexes
from neuronscope.api.captures import probe
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.indexes import NeuronQuery, NeuronTop, ProbeAnswer, ProbeRequest

api = blueprint("neurons", "What drives a neuron.")


@api.get("/neurons/top", responses={200: NeuronTop})
def top_contexts(query: NeuronQuery) -> Response:
    """The strongest contexts, tokens and n-grams of one unit or several, from an index"""
    return reply(indexes.neuron_top(services(), query))


@api.post("/neurons/activations", responses={200: ProbeAnswer})
def probe_neuron(body: ProbeRequest) -> Response:
    """Run a text and read one neuron on every token"""
    return reply(probe(services(), body))
