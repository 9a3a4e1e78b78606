"""Neurons: what drives them."""

from __future__ import annotations

from flask import Response

from neuronscope.api import neurons, unit_questions
from neuronscope.api.captures import probe
from neuronscope.api.reply import reply, stream
from neuronscope.api.routes.common import binary, blueprint, services
from neuronscope.api.schemas.jobs import JobOut
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
from neuronscope.api.schemas.unit_questions import (
    CompareAnswer,
    CompareQuery,
    NeighbourList,
    NeighbourQuery,
    ShortestRequest,
    TogetherRequest,
    WritesAnswer,
    WritesQuery,
)

_EXPORT = binary("text/csv", "A file to keep: CSV in UTF-8, or Parquet", "application/vnd.apache.parquet")
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
    return reply(neurons.neuron_top(services(), query))


@api.get("/neurons/neighbours", responses={200: NeighbourList})
def list_neighbours(query: NeighbourQuery) -> Response:
    """The units that rise and fall with one, or with several together, over an index's sample"""
    return reply(unit_questions.neighbours(services(), query))


@api.get("/neurons/compare", responses={200: CompareAnswer})
def compare_units(query: CompareQuery) -> Response:
    """One unit over two corpora or in two models: two indexes side by side"""
    return reply(unit_questions.compare(services(), query))


@api.get("/neurons/writes", responses={200: WritesAnswer})
def list_writes(query: WritesQuery) -> Response:
    """The tokens that a neuron directly raises and lowers: its direction in the stream through the final norm and the head"""
    return reply(unit_questions.writes(services(), query))


@api.post("/neurons/together", responses={202: JobOut})
def search_together(body: TogetherRequest) -> Response:
    """Start finding the strongest contexts of several units together, by the mean of their z-scores"""
    return reply(unit_questions.start_together(services(), body), 202)


@api.post("/neurons/shortest", responses={202: JobOut})
def search_shortest(body: ShortestRequest) -> Response:
    """Start shortening a context or a text as long as it drives a unit; the job's result is verified by running it"""
    return reply(unit_questions.start_shortest(services(), body), 202)


@api.post("/neurons/activations", responses={200: ProbeAnswer})
def probe_neuron(body: ProbeRequest) -> Response:
    """Run a text and read one neuron on every token"""
    return reply(probe(services(), body))
