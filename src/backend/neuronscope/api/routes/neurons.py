"""Neurons: what drives them."""

from __future__ import annotations

from flask import Response

from neuronscope.api import indexes, neurons
from neuronscope.api.captures import probe
from neuronscope.api.reply import reply, stream
from neuronscope.api.routes.common import binary, blueprint, services
from neuronscope.api.schemas.neuron_table import NeuronPage, TableExport, TablePage
from neuronscope.api.schemas.neurons import (
    ExampleQuery,
    Examples,
    NeuronQuery,
    NeuronTop,
    ProbeAnswer,
    ProbeRequest,
    WindowAnswer,
    WindowRequest,
)

_EXPORT = binary("text/csv", "A file to keep: CSV in UTF-8, or Parquet")
api = blueprint("neurons", "What drives a neuron.")


@api.get("/neurons", responses={200: NeuronPage})
def list_neurons(query: TablePage) -> Response:
    """All neurons of an index, a page of a table: sorted, filtered and searched here"""
    return reply(neurons.page(services(), query))


@api.get("/neurons/export", responses={200: _EXPORT})
def export_neurons(query: TableExport) -> Response:
    """The same table as a file, CSV or Parquet"""
    return stream(*neurons.export(services(), query))


@api.get("/neurons/examples", responses={200: Examples})
def list_examples(query: ExampleQuery) -> Response:
    """Where a neuron fires middlingly, hardly, or as it comes: places of a corpus sample, and its histogram"""
    return reply(neurons.examples(services(), query))


@api.post("/neurons/window", responses={200: WindowAnswer})
def run_window(body: WindowRequest) -> Response:
    """Run one window of an index's corpus again and read one neuron on every token"""
    return reply(neurons.window(services(), body))


@api.get("/neurons/top", responses={200: NeuronTop})
def top_contexts(query: NeuronQuery) -> Response:
    """The strongest contexts, tokens and n-grams of one unit or several, from an index"""
    return reply(indexes.neuron_top(services(), query))


@api.post("/neurons/activations", responses={200: ProbeAnswer})
def probe_neuron(body: ProbeRequest) -> Response:
    """Run a text and read one neuron on every token"""
    return reply(probe(services(), body))
