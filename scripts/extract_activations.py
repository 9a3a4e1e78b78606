"""Run every prompt of a file and write its activations, one file per prompt.

    python scripts/extract_activations.py prompts.txt out/ --format npz --point mlp_act --layers 0 1
    python scripts/extract_activations.py prompts.jsonl out/ --model openai-community/gpt2 --format csv

A text file holds one prompt a line; a JSON Lines file an object a line with the prompt in --field.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import neuronscope as ns
from neuronscope.core.errors import BadRequest, NeuronScopeError
from neuronscope.traces.store import Trace


def read_prompts(path: Path, field: str) -> Iterator[str]:
    """The prompts of a file, without empty lines. Raises :class:`BadRequest` with the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as failure:
        raise BadRequest(f"{path} can't be read: {failure}.", "It should be a text file in UTF-8.") from failure
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if path.suffix != ".jsonl":
            yield line
            continue
        try:
            prompt = json.loads(line)[field]
        except (ValueError, KeyError, TypeError) as failure:
            raise BadRequest(f"Line {number} of {path} has no field '{field}'.", "Name it with --field.") from failure
        if not isinstance(prompt, str) or not prompt:
            raise BadRequest(f"Line {number} of {path}: '{field}' is no text.", "Name it with --field.")
        yield prompt


def write_npz(trace: Trace, path: Path) -> None:
    """NumPy arrays by address, with the tokens."""
    tokens = {"tokens": np.array([t.text for t in trace.tokens]), "token_ids": np.array([t.id for t in trace.tokens])}
    np.savez(path, **tokens, **{address: trace[address] for address in trace.points})  # type: ignore[arg-type]


def write_safetensors(trace: Trace, path: Path) -> None:
    """One safetensors file: tensors by address, the tokens as JSON in its metadata."""
    from safetensors.numpy import save_file

    metadata = {"tokens": json.dumps([t.text for t in trace.tokens]), "model_id": trace.model_id}
    save_file({address: np.ascontiguousarray(trace[address]) for address in trace.points}, path, metadata)


def write_csv(trace: Trace, path: Path) -> None:
    """A long table: address, position, token, then one column a unit. Points without single units are left out."""
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["address", "position", "token", "values"])
        for address in trace.points:
            values = trace[address]
            if values.ndim == 2:
                for position, token in enumerate(trace.tokens):
                    # A leading apostrophe keeps a spreadsheet from running a token as a formula.
                    text = f"'{token.text}" if token.text[:1] in ("=", "+", "-", "@", "\t", "\r") else token.text
                    table.writerow([address, position, text, *values[position].tolist()])


def write_json(trace: Trace, path: Path) -> None:
    """Tokens and nested lists."""
    tensors = {address: trace[address].tolist() for address in trace.points}
    found = {"model_id": trace.model_id, "prompt": trace.prompt, "tokens": [t.text for t in trace.tokens], **tensors}
    path.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def write_trace(trace: Trace, path: Path) -> None:
    """The trace file itself."""
    path.write_bytes(trace.path.read_bytes())


WRITERS: dict[str, Callable[[Trace, Path], None]] = {
    "trace": write_trace,
    "npz": write_npz,
    "safetensors": write_safetensors,
    "csv": write_csv,
    "json": write_json,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the script; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=Path, help="text or JSON Lines file")
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--model", default="neuronscope/tiny", help="id or folder of a model")
    parser.add_argument("--format", choices=list(WRITERS), default="safetensors")
    parser.add_argument("--point", dest="points", action="append", help="point or address; may be repeated")
    parser.add_argument("--layers", type=int, nargs="+")
    parser.add_argument("--field", default="text", help="field of a JSON Lines file")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"])
    options = parser.parse_args(arguments)
    try:
        prompts = list(read_prompts(options.prompts, options.field))
        if not prompts:
            raise BadRequest(f"{options.prompts} holds no prompts.", "Write one a line.")
        scope = ns.load(options.model, dtype=options.dtype)
        options.out.mkdir(parents=True, exist_ok=True)
        for number, prompt in enumerate(prompts):
            with scope.capture(prompt, options.points, options.layers) as trace:
                WRITERS[options.format](trace, options.out / f"{number:05}.{options.format}")
            trace.path.unlink()
            print(f"{number + 1} of {len(prompts)}: {len(trace.tokens)} tokens", flush=True)
    except NeuronScopeError as failure:
        print(f"Error: {failure.message}\n{failure.hint}", file=sys.stderr)
        return 2 if isinstance(failure, BadRequest) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
