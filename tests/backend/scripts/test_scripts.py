from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
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


@pytest.mark.parametrize("kind", ["trace", "npz", "safetensors", "json"])
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
            assert str(arrays["prompt"]) == "=1+1 ☃"
    elif kind == "safetensors":
        from safetensors import safe_open

        with safe_open(path, "numpy") as tensors:
            found = tensors.get_tensor("mlp_act.1")
            assert json.loads(tensors.metadata()["tokens"]) == tokens
            assert tensors.metadata()["prompt"] == "=1+1 ☃"
    else:
        body = json.loads(path.read_text("utf-8"))
        found = np.array(body["mlp_act.1"], dtype=np.float32)
        assert body["tokens"] == tokens
    assert np.array_equal(found, expected)


def test_tables_have_a_column_for_each_unit(tiny_models: Path, prompts: Path, tmp_path: Path) -> None:
    points = ("--point", "resid_post", "--point", "attn_weights")
    files = extract(prompts, tmp_path / "out", tiny_models / "one", "--format", "csv", *points)
    addresses = ["mlp_act.0", "mlp_act.1", "resid_post.0", "resid_post.1"]
    assert [file.name for file in files] == [f"0000{number}.{a}.csv" for number in range(2) for a in addresses]
    trace = ns.load(tiny_models / "one").capture("=1+1 ☃", points=["mlp_act", "resid_post"])
    for address in addresses:
        table = pd.read_csv(tmp_path / "out" / f"00001.{address}.csv", keep_default_na=False)
        width = trace[address].shape[1]
        assert list(table.columns) == ["position", "token", *map(str, range(width))]
        assert table["position"].tolist() == list(range(len(trace.tokens)))
        # What a spreadsheet would take for a formula is made text.
        shown = [f"'{token.text}" if token.text in ("=", "+") else token.text for token in trace.tokens]
        assert table["token"].tolist() == shown
        np.testing.assert_allclose(table.iloc[:, 2:].to_numpy(np.float32), trace[address], rtol=1e-6)


def test_a_table_of_attention_is_refused(
    tiny_models: Path, prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(prompts), str(tmp_path), "--model", str(tiny_models / "one"), "--format", "csv"]
    assert script("extract_activations").main([*arguments, "--point", "attn_weights"]) == 2
    assert "no table to write" in capsys.readouterr().err


def test_a_prompt_that_does_not_fit_is_named_and_the_others_are_run(
    tiny_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("\nHi\n" + "a" * 200 + "\nHo\n", encoding="utf-8")
    arguments = [str(path), str(tmp_path / "out"), "--model", str(tiny_models / "one"), "--format", "json"]
    assert script("extract_activations").main(arguments) == 1
    said = capsys.readouterr().err
    assert f"Line 3 of {path}: " in said
    assert "1 of 3 prompts could not be run." in said
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["00000.json", "00002.json"]


@pytest.mark.parametrize("layers", [("0", "1"), ("0,1",), ("0-1",)])
def test_layers_are_written_as_on_the_command_line(
    tiny_models: Path, prompts: Path, tmp_path: Path, layers: tuple[str, ...]
) -> None:
    files = extract(prompts, tmp_path / "out", tiny_models / "one", "--format", "npz", "--layers", *layers)
    with np.load(files[0]) as arrays:
        assert {"mlp_act.0", "mlp_act.1"} <= set(arrays)


def test_layers_that_are_no_numbers_are_refused(prompts: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        script("extract_activations").main([str(prompts), str(tmp_path), "--layers", "x"])


def test_json_lines_and_layers(tiny_models: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"q": "Hi"}\n{"q": "Ho"}\n', encoding="utf-8")
    options = ("--field", "q", "--layers", "0", "--format", "npz")
    files = extract(path, tmp_path / "out", tiny_models / "one", *options)
    with np.load(files[0]) as arrays:
        assert set(arrays) == {"prompt", "tokens", "token_ids", "mlp_act.0"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"text": "a"}\n{', "Line 2"),
        ("a.jsonl", '{"other": "a"}', "no field 'text'"),
        ("a.jsonl", '{"text": 7}', "is no text"),
        ("a.txt", "\n", "holds no prompts"),
        ("a.txt", "a\n\udcff", "Line 2"),
    ],
)
def test_bad_prompt_files(
    tiny_models: Path, tmp_path: Path, name: str, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", errors="surrogateescape")
    arguments = [str(tmp_path / name), str(tmp_path / "out"), "--model", str(tiny_models / "one")]
    assert script("extract_activations").main(arguments) == 2
    assert said in capsys.readouterr().err
