from __future__ import annotations

import csv
import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import neuronscope as ns

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def script(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_setup_checks_and_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert script("setup_models").main([]) == 0
    said = capsys.readouterr().out
    for word in ("Python", "torch", "memory", "disk", "GPU"):
        assert word in said


def test_setup_says_clearly_that_it_is_offline(capsys: pytest.CaptureFixture[str]) -> None:
    assert script("setup_models").main(["nobody/nothing-here"]) == 1
    assert "can't be reached" in capsys.readouterr().err


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("Hi there\n\n=1+1 ☃\n", encoding="utf-8")
    return path


def extract(prompts: Path, out: Path, model: Path, *options: str) -> list[Path]:
    arguments = [str(prompts), str(out), "--model", str(model), "--point", "mlp_act", *options]
    assert script("extract_activations").main(arguments) == 0
    return sorted(out.iterdir())


@pytest.mark.parametrize("kind", ["trace", "npz", "safetensors", "csv", "json"])
def test_extraction_equals_a_capture(tiny_models: Path, prompts: Path, tmp_path: Path, kind: str) -> None:
    files = extract(prompts, tmp_path / "out", tiny_models / "one", "--format", kind)
    assert [path.name for path in files] == [f"00000.{kind}", f"00001.{kind}"]
    trace = ns.load(tiny_models / "one").capture("=1+1 ☃", points=["mlp_act"])
    expected, tokens = trace["mlp_act.1"], [token.text for token in trace.tokens]
    path = files[1]
    if kind == "trace":
        found = ns.open_trace(path)["mlp_act.1"]
    elif kind == "npz":
        with np.load(path) as arrays:
            found = arrays["mlp_act.1"]
            assert arrays["tokens"].tolist() == tokens
    elif kind == "safetensors":
        from safetensors import safe_open

        with safe_open(path, "numpy") as tensors:
            found = tensors.get_tensor("mlp_act.1")
            assert json.loads(tensors.metadata()["tokens"]) == tokens
    elif kind == "csv":
        rows = [row for row in csv.reader(io.StringIO(path.read_text("utf-8"))) if row[0] == "mlp_act.1"]
        found = np.array([row[3:] for row in rows], dtype=np.float32)
        assert rows[1][2] == "'="
    else:
        body = json.loads(path.read_text("utf-8"))
        found = np.array(body["mlp_act.1"], dtype=np.float32)
        assert body["tokens"] == tokens
    assert np.array_equal(found, expected)


def test_json_lines_and_layers(tiny_models: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"q": "Hi"}\n{"q": "Ho"}\n', encoding="utf-8")
    options = ("--field", "q", "--layers", "0", "--format", "npz")
    files = extract(path, tmp_path / "out", tiny_models / "one", *options)
    with np.load(files[0]) as arrays:
        assert set(arrays) == {"tokens", "token_ids", "mlp_act.0"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"text": "a"}\n{', "Line 2"),
        ("a.jsonl", '{"other": "a"}', "no field 'text'"),
        ("a.jsonl", '{"text": 7}', "is no text"),
        ("a.txt", "\n", "holds no prompts"),
    ],
)
def test_bad_prompt_files(
    tiny_models: Path, tmp_path: Path, name: str, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    arguments = [str(tmp_path / name), str(tmp_path / "out"), "--model", str(tiny_models / "one")]
    assert script("extract_activations").main(arguments) == 2
    assert said in capsys.readouterr().err
