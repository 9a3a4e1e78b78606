from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from neuronscope.cli.generate import read_change
from neuronscope.cli.main import cli
from neuronscope.core.errors import BadRequest
from neuronscope.traces.store import Trace


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["generate", *arguments])


@pytest.fixture
def model(tiny_models: Path) -> str:
    return str(tiny_models / "one")


def test_text_goes_to_standard_output_and_the_rest_beside_it(model: str) -> None:
    plain = run("Once upon", "-m", model, "--max-new-tokens", "5")
    assert plain.exit_code == 0, plain.output
    found = json.loads(run("Once upon", "-m", model, "--max-new-tokens", "5", "--json").stdout)
    assert plain.stdout == found["text"] + "\n"
    assert "5 tokens, ended by length" in plain.stderr
    assert len(found["tokens"]) == 5
    with Trace.open(Path(found["path"])) as trace:
        assert trace.step_count == 5
        assert [trace.step(n).token_id for n in range(5)] == [token["id"] for token in found["tokens"]]


def test_an_intervention_is_applied_and_told(model: str) -> None:
    options = ("Once upon", "-m", model, "--max-new-tokens", "3")
    changes = ("--intervene", "mlp_act.1:3,mlp_act.0:2 scale -2", "--intervene", "resid_post.0:1 set 4 at 90")
    found = json.loads(run(*options, *changes, "--json").stdout)
    assert [one["fired"] for one in found["receipts"][0]["interventions"]] == [True, False]
    assert found["receipts"][0]["interventions"][0]["units"] == 2
    assert found["unfired"] == ["i2"]
    assert "i2 never fired" in run(*options, *changes).stderr


def test_what_is_kept_can_be_chosen(model: str, tmp_path: Path) -> None:
    out = tmp_path / "run.trace"
    asked = ("--mode", "full", "--keep-as", "f32", "--point", "mlp_act", "--layers", "1", "-o", str(out))
    assert run("Hi", "-m", model, "--max-new-tokens", "2", *asked).exit_code == 0
    with Trace.open(out) as trace:
        assert trace.points == ("mlp_act.1",)
        assert trace["mlp_act.1"].shape == (3, 24)
    assert run("Hi", "-m", model, "-o", str(out)).exit_code != 0


def test_the_same_seed_draws_the_same_tokens(model: str) -> None:
    asked = (
        "Hi",
        "-m",
        model,
        "--max-new-tokens",
        "8",
        "--temperature",
        "1.2",
        "--top-k",
        "50",
        "--no-trace",
        "--json",
    )
    one, two = (json.loads(run(*asked, "--seed", "5").stdout) for _ in range(2))
    assert one["text"] == two["text"]
    assert one["path"] is None
    drawn = json.loads(run(*asked).stdout)
    again = json.loads(run(*asked, "--seed", str(drawn["settings"]["seed"])).stdout)
    assert again["text"] == drawn["text"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--intervene", "mlp_act.1:3"),
        ("--intervene", "mlp_act.1:3 double 2"),
        ("--intervene", "mlp_act.1:999 scale 0"),
        ("--intervene", "mlp_act.9:3 scale 0"),
        ("--intervene", "mlp_act.1:3 scale"),
        ("--intervene", "mlp_act.1:3 scale many"),
        ("--intervene", "mlp_act.1:3 scale 0 at first"),
        ("--point", "nothing"),
        ("--temperature", "-1"),
        ("--max-new-tokens", "0"),
        ("--stop", "two words"),
        ("--chat",),
        ("--no-trace", "-o", "x.trace"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(model: str, arguments: tuple[str, ...]) -> None:
    found = run("Hi", "-m", model, *arguments)
    assert found.exit_code == 2, found.output
    assert found.stderr.startswith("Error: ")
    assert "Traceback" not in found.output


def test_changes_are_read_as_they_are_written() -> None:
    assert read_change("mlp_act.3:42 scale 0", "i1") == {
        "id": "i1",
        "units": ["mlp_act.3:42"],
        "op": "scale",
        "value": 0.0,
    }
    assert read_change("a.1:2,b.1:3 add -2.5 at last", "x")["positions"] == "last"
    assert read_change("a.1:2 ablate_zero at 0,4", "x") == {
        "id": "x",
        "units": ["a.1:2"],
        "op": "ablate_zero",
        "positions": [0, 4],
    }
    with pytest.raises(BadRequest, match="ablate_mean"):
        read_change("a.1:2 ablate_mean", "x")
