"""NeuronScope and transformers alone, in the project's own environment: the ways of the live and the index benchmark."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import torch
from answering import answer
from common import machine
from live import Shape
from s1_index import Build


class Index:
    """The batches of :class:`Build` one after another."""

    def __init__(self, batches: int) -> None:
        self._build = Build(batches)
        self._forwards: Iterator[int] = itertools.count()
        self._indexed: Iterator[int] = itertools.count()

    def forward(self) -> None:
        """transformers' forward pass on the next batch, logits and all."""
        self._build.bare(next(self._forwards), head=True)

    def index(self) -> None:
        """The next batch into the index."""
        self._build.index(next(self._indexed))

    def strongest(self) -> list[float]:
        """The mean of the strongest values of each neuron, layer after layer."""
        found = [top.ranked()[0].mean(1) for top in self._build.worker.top.values()]
        return [float(value) for value in torch.cat(found)]


def main(job: dict[str, Any]) -> None:
    shape = Shape()
    shape.new_tokens = job["new_tokens"]
    index = Index(job["batches"])
    about = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("neuronscope", "transformers")},
        "dtype": str(shape.loaded.model.dtype),
        "prompt": list(shape.loaded.encode(shape.prompt).ids),
    }
    with shape.streamed() as streamed:
        answer(
            about,
            {
                "plain": shape.plain,
                "recorded": shape.run,
                "streamed": streamed,
                "forward": index.forward,
                "index": index.index,
                "strongest": index.strongest,
            },
        )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
