from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import neuronscope as ns
from neuronscope.cli.changes import read_change, read_changes
from neuronscope.cli.main import cli
from neuronscope.traces.payloads import decode
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
        assert trace.tensor(0, "mlp_act.1").shape == (3, 24)
        assert trace["mlp_act.1"].shape == (4, 24)  # the second of two new tokens is not read any more
    assert run("Hi", "-m", model, "-o", str(out)).exit_code != 0


def test_tiles_are_kept_as_they_were_asked_for(model: str, tmp_path: Path) -> None:
    out = tmp_path / "run.trace"
    asked = ("--mode", "tile", "--tile", "random", "--tile-size", "4x6", "--point", "mlp_act", "-o", str(out))
    found = run("Hi", "-m", model, "--max-new-tokens", "2", *asked)
    assert found.exit_code == 0, found.output
    with Trace.open(out) as trace:
        assert trace.start["config"]["tile_size"] == [4, 6]
        for number in range(2):
            entries = [entry for entry in trace.step(number).entries if entry.address.startswith("mlp_act")]
            assert len(entries) == 2
            for entry in entries:
                assert entry.payload is not None
                image = decode(entry.payload, entry.shape)
                assert (image["source"], image["values"].shape) == ("random", (4, 6))
                assert entry.stats
    mistaken = run("Hi", "-m", model, "--mode", "tile", "--tile-size", "8")
    assert (mistaken.exit_code, "not of the form 16x16" in mistaken.stderr) == (2, True)


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
        ("--intervene", "mlp_act.1:3 ablate_mean"),
        ("--intervene", "mlp_act.1:3 set q2", "--reference", "x_" + "0" * 26),
        ("--intervene", "mlp_act.1:3 set qx", "--reference", "x_" + "0" * 26),
        ("--intervene", "mlp_act.1:3 set q0.5", "--reference", "x_" + "0" * 26),
        ("--intervene", "mlp_act.1:3 scale 0", "--reference", "x_" + "0" * 26),
        ("--intervene", "mlp_act.1:3 patch"),
        ("--intervene", "mlp_act.1:3 patch from t_1 0 0"),
        ("--intervene", "mlp_act.1:3 patch from t_1 0"),
        ("--intervene", "g_" + "0" * 26 + " scale 0"),
        ("--override-protection",),
        ("--point", "nothing"),
        ("--temperature", "-1"),
        ("--max-new-tokens", "0"),
        ("--stop", "two words"),
        ("--compiled", "--device", "cpu"),
        ("--chat",),
        ("--no-trace", "-o", "x.trace"),
        ("--tile", "random"),
        ("--tile-size", "8x8"),
        ("--mode", "tile", "--tile-size", "0x8"),
        ("--mode", "tile", "--tile-size", "8x257"),
        ("--mode", "tile", "--tile", "pca"),
        ("--mode", "tile", "--tile", "pca", "--tile-reference", "x"),
        ("--mode", "tile", "--tile", "pca", "--tile-reference", "x_" + "0" * 26),
        ("--mode", "tile", "--tile-reference", "x_" + "0" * 26),
        ("--mode", "tile", "--point", "q"),
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
    index, trace, group = ("x_" + "1" * 26, "t_" + "2" * 26, "g_" + "3" * 26)
    assert read_change("a.1:2 ablate_mean", "x", index) == {
        "id": "x", "units": ["a.1:2"], "op": "ablate_mean", "reference": index,
    }  # fmt: skip
    assert read_change(f"{group} set q0.25 at all", "x", index) == {
        "id": "x", "group_id": group, "op": "set", "dose_quantile": 0.25, "reference": index, "positions": "all",
    }  # fmt: skip
    assert read_change(f"a.1:2 patch from {trace} 3 17 at last", "x") == {
        "id": "x", "units": ["a.1:2"], "op": "patch", "positions": "last",
        "source": {"trace_id": trace, "step": 3, "position": 17},
    }  # fmt: skip
    both = read_changes(["a.1:2 scale 0", "a.1:3 ablate_mean"], index, override_protection=True)
    assert [(one["id"], one.get("reference"), one["override_protection"]) for one in both] == [
        ("i1", None, True),
        ("i2", index, True),
    ]


def test_means_quantiles_patches_and_groups_on_the_command_line(model: str, tmp_path: Path) -> None:
    """Each equals what the same change in Python gives."""
    scope = ns.load(model)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("A cat sat.\n\nA dog ran after it.", encoding="utf-8")
    index = scope.index(corpus, k=2)
    trace = scope.capture("A dog", points=["mlp_act"])
    group = scope.make_group("two of them", ["mlp_act.0:2", "mlp_act.1:3"])
    values = {
        "mlp_act.1:5 ablate_mean": {"units": ["mlp_act.1:5"], "op": "ablate_mean", "reference": index.id},
        "mlp_act.1:5 set q0.9": {"units": ["mlp_act.1:5"], "op": "set", "dose_quantile": 0.9, "reference": index.id},
        f"mlp_act.1:5 patch from {trace.trace_id} 0 2": {
            "units": ["mlp_act.1:5"], "op": "patch", "source": {"trace_id": trace.trace_id, "step": 0, "position": 2},
        },
        f"{group.group_id} scale -3": {"units": list(group.units), "op": "scale", "value": -3},
    }  # fmt: skip
    for text, change in values.items():
        reference = ("--reference", index.id) if "reference" in change else ()
        asked = ("Once", "-m", model, "--max-new-tokens", "3", "--intervene", text, *reference, "--json")
        found = json.loads(run(*asked).stdout)
        expected = scope.generate("Once", max_new_tokens=3, interventions=[change])
        assert [token["logprob"] for token in found["tokens"]] == list(expected.logprobs)
        assert [one["interventions"][0]["delta_l2"] for one in found["receipts"]] == [
            receipt.interventions[0]["delta_l2"] for receipt in expected.receipts
        ]
        assert found["receipts"][0]["interventions"][0]["units"] == len(change["units"])
    with Trace.open(Path(found["path"])) as kept:
        (shown,) = kept.start["settings"]["interventions"]
    assert (shown["group_id"], tuple(shown["units"])) == (group.group_id, group.units)
