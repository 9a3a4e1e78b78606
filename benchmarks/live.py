"""What the live benchmarks share: a GPT-2 shape with random weights, plain generation, and recorded runs beside it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import seconds

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

PROMPT_TOKENS, NEW_TOKENS, REPEATS = 16, 128, 5


class Shape:
    """A model, ready: every way of generating gives the same tokens, and as many. By default the GPT-2 shape."""

    new_tokens = NEW_TOKENS

    def __init__(self, loaded: LoadedModel | None = None, prompt: str = "a" * PROMPT_TOKENS) -> None:
        import torch

        self.loaded = loaded or _gpt2_shape()
        self.prompt = prompt
        self.loaded.model.generation_config.eos_token_id = None
        self._ids = torch.tensor([self.loaded.encode(self.prompt).ids], device=self.loaded.device)
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)

    def plain(self, **options: Any) -> list[int]:
        """transformers' own greedy generation, with more ``options`` of it."""
        import torch

        found = self.loaded.model.generate(
            self._ids,
            attention_mask=torch.ones_like(self._ids),
            max_new_tokens=self.new_tokens,
            do_sample=False,
            pad_token_id=0,
            **options,
        )
        return [int(i) for i in found[0, self._ids.shape[1] :]]

    def run(self, config: dict[str, Any] | None = None, record: bool = True, **options: Any) -> list[int]:
        """A run with taps to its end, trace closed and removed; ``options`` are those of a request."""
        return list(self.steps(config, record, **options))

    def steps(self, config: dict[str, Any] | None = None, record: bool = True, **options: Any) -> Iterator[int]:
        """The same token by token."""
        from neuronscope.capture.generate import Generation
        from neuronscope.core.events import Step
        from neuronscope.core.generation import GenerateRequest
        from neuronscope.runtime.run import Run

        request = GenerateRequest(prompt=self.prompt, max_new_tokens=self.new_tokens, **options)
        run = Run(Generation(self.loaded, request, config), self.folder if record else None)
        for event in run:
            if isinstance(event, Step) and event.token_id is not None:
                yield event.token_id
        assert run.recording_error is None
        if run.path is not None:
            self.size = run.path.stat().st_size
            run.path.unlink()

    @contextmanager
    def streamed(self) -> Iterator[Callable[..., list[int]]]:
        """A way of generating through a server of this process: recorded, and streamed to a client in another process.

        Its argument, if it is given one, is how many more clients ask for the run and read nothing.
        """
        from neuronscope.api.server import listen, make_server
        from neuronscope.api.services import Services
        from neuronscope.api.settings import Settings
        from neuronscope.runtime.workspace import Workspace

        workspace = Workspace(self.folder / "home")
        listener = listen("127.0.0.1", 0)
        settings = Settings(port=listener.getsockname()[1])
        services = Services(settings, workspace)
        services.engine.adopt(self.loaded)
        ready = threading.Event()
        server = make_server(services, ready.set)
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
        thread.start()
        assert ready.wait(20)
        command = [sys.executable, str(Path(__file__).parent / "live_client.py")]
        address = f"ws://127.0.0.1:{settings.port}/api/live"
        with subprocess.Popen(
            [*command, address, str(settings.token)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as client:
            assert client.stdin is not None
            assert client.stdout is not None

            def way(stalled: int = 0, **options: Any) -> list[int]:
                asked = {"model_id": self.loaded.model_id, "prompt": self.prompt, "max_new_tokens": self.new_tokens}
                asked |= {"stalled": stalled, **options}
                assert client.stdin is not None
                assert client.stdout is not None
                client.stdin.write(json.dumps(asked) + "\n")
                client.stdin.flush()
                found = json.loads(client.stdout.readline())
                assert found["type"] == "done", found
                assert found["steps"] == self.new_tokens
                assert found["payloads"] == self.new_tokens, "the client fell behind and was sent statistics only"
                return [self.new_tokens]

            yield way
            client.stdin.close()
            client.wait(10)
        server.should_exit = True
        thread.join(10)
        services.close()
        listener.close()


def _gpt2_shape() -> LoadedModel:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from neuronscope.models.loading.loader import wrap
    from support.tokenizers import tiny_tokenizer

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=None)).eval()
    return wrap(model, tiny_tokenizer(bos=False), "gpt2-shape")


def interleaved(ways: dict[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, list[float]]:
    """Seconds of each way, one after another and again, so that a busy moment of the machine meets all of them."""
    for way in ways.values():
        way()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            times[name].append(seconds(way))
    return times


def ratio(reference: list[float], ours: list[float]) -> float:
    """The median over repeats of what the reference took over what ours took just after it."""
    return statistics.median(a / b for a, b in zip(reference, ours, strict=True))
