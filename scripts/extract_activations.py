"""Run every prompt of a file and write its activations, one file per prompt.

    python scripts/extract_activations.py prompts.txt out/ --format npz --point mlp_act --layers 0,2,5-7
    python scripts/extract_activations.py prompts.jsonl out/ --model openai-community/gpt2 --format csv

A text file holds one prompt a line; a JSON Lines file an object a line with the prompt in --field. As CSV each prompt
gives one file per point, such as 00000.mlp_act.2.csv, with one column per neuron.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np

import neuronscope as ns
from neuronscope.cli.common import Numbers
from neuronscope.core.errors import BadRequest, InsufficientMemory, NeuronScopeError, TooLarge
from neuronscope.traces.store import Trace

OF_ONE_PROMPT = (TooLarge, InsufficientMemory)
"""What goes wrong for one prompt says nothing about the next; everything else would go wrong for all of them."""


def read_prompts(path: Path, field: str) -> Iterator[tuple[int, str]]:
    """The prompts of a file with their lines, without empty ones. Raises :class:`BadRequest` with the line that is wrong."""
    try:
        # Not splitlines: it also breaks at characters that are no end of a line in a file.
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as failure:
        raise BadRequest(f"{path} can't be read: {failure.strerror}.", "It should be a text file.") from failure
    for number, raw in enumerate(lines, 1):
        try:
            line = raw.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as failure:
            raise BadRequest(f"Line {number} of {path} is not valid UTF-8.", "Convert the file to UTF-8.") from failure
        if not line.strip():
            continue
        if path.suffix.lower() not in (".jsonl", ".ndjson"):
            yield number, line
            continue
        try:
            prompt = json.loads(line)[field]
        except (ValueError, KeyError, TypeError) as failure:
            raise BadRequest(f"Line {number} of {path} has no field '{field}'.", "Name it with --field.") from failure
        if not isinstance(prompt, str) or not prompt:
            raise BadRequest(f"Line {number} of {path}: '{field}' is no text.", "Name it with --field.")
        yield number, prompt


def write_npz(trace: Trace, path: Path) -> None:
    """NumPy arrays by address, with the prompt and its tokens."""
    tokens = {"tokens": np.array([t.text for t in trace.tokens]), "token_ids": np.array([t.id for t in trace.tokens])}
    tokens["prompt"] = np.array(trace.prompt)
    np.savez(path, **tokens, **{address: trace[address] for address in trace.points})  # type: ignore[arg-type]


def write_safetensors(trace: Trace, path: Path) -> None:
    """One safetensors file: tensors by address; the prompt and, as JSON, the tokens in its metadata."""
    from safetensors.numpy import save_file

    tokens = json.dumps([t.text for t in trace.tokens])
    metadata = {"prompt": trace.prompt, "tokens": tokens, "model_id": trace.model_id}
    save_file({address: np.ascontiguousarray(trace[address]) for address in trace.points}, path, metadata)


def write_csv(trace: Trace, path: Path) -> None:
    """A table per address: position, token, then one column a unit. Points without single units are left out."""
    tables = {address: values for address in trace.points if (values := trace[address]).ndim == 2}
    if not tables:
        raise BadRequest("None of these points has single units, so there is no table to write.", "Try --format npz.")
    for address, values in tables.items():
        with path.with_name(f"{path.stem}.{address}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["position", "token", *range(values.shape[1])])
            for position, token in enumerate(trace.tokens):
                # A leading apostrophe keeps a spreadsheet from running a token as a formula.
                text = f"'{token.text}" if token.text[:1] in ("=", "+", "-", "@", "\t", "\r") else token.text
                table.writerow([position, text, *values[position].tolist()])


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


def layers_of(text: str) -> tuple[int, ...]:
    """``0,2,5-7`` as the command line reads it."""
    try:
        return Numbers().convert(text, None, None)
    except click.BadParameter as failure:
        raise argparse.ArgumentTypeError(failure.message) from failure


def main(arguments: list[str] | None = None) -> int:
    """Run the script; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=Path, help="text or JSON Lines file")
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--model", default="neuronscope/tiny", help="id or folder of a model")
    parser.add_argument("--format", choices=list(WRITERS), default="safetensors")
    parser.add_argument("--point", dest="points", action="append", help="point or address; may be repeated")
    parser.add_argument("--layers", type=layers_of, nargs="+", help="layers such as 0,2,5-7")
    parser.add_argument("--field", default="text", help="field of a JSON Lines file")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"])
    options = parser.parse_args(arguments)
    try:
        failed = extract(options)
    except NeuronScopeError as failure:
        print(f"Error: {failure.message}\n{failure.hint}", file=sys.stderr)
        return 2 if isinstance(failure, BadRequest) else 1
    return 1 if failed else 0


def extract(options: argparse.Namespace) -> int:
    """Write the files of every prompt; how many prompts could not be run."""
    prompts = list(read_prompts(options.prompts, options.field))
    if not prompts:
        raise BadRequest(f"{options.prompts} holds no prompts.", "Write one a line.")
    layers = None if options.layers is None else [layer for some in options.layers for layer in some]
    scope = ns.load(options.model, dtype=options.dtype)
    options.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for number, (line, prompt) in enumerate(prompts):
        try:
            with scope.capture(prompt, options.points, layers) as trace:
                WRITERS[options.format](trace, options.out / f"{number:05}.{options.format}")
        except OF_ONE_PROMPT as failure:
            print(f"Line {line} of {options.prompts}: {failure.message} {failure.hint}", file=sys.stderr)
            failed += 1
            continue
        trace.path.unlink()
        print(f"{number + 1} of {len(prompts)}: {len(trace.tokens)} tokens", flush=True)
    if failed:
        print(f"{failed} of {len(prompts)} prompts could not be run.", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
