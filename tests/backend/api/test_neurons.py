from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import numpy as np
import pytest
from pyarrow import parquet

TEXT = "The cat sat on the mat.\n\nA dog saw the cat.\n\n=1+2 and so on\n\n" + "so on and on " * 20
ONE = {"model_id": "local/one"}


@pytest.fixture(scope="module")
def index_id(server: Any) -> str:
    """An index of ``local/one`` over a small uploaded corpus."""
    made = server.client.post("/api/corpora", json={"name": "table", "content": TEXT})
    assert made.status_code == 201, made.text
    job = server.wait(server.client.post("/api/indexes", json={**ONE, "corpus": "local/table", "k": 5}).json())
    found: str = job["result"]["index_id"]
    return found


def get(client: httpx.Client, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(path, params={**ONE, **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_table_comes_in_pages(index_id: str, client: httpx.Client) -> None:
    whole = get(client, "/api/neurons", index_id=index_id, limit=1000)
    assert (whole["total"], whole["found"], len(whole["neurons"])) == (48, 48, 48)
    assert [row["max"] for row in whole["neurons"]] == sorted((r["max"] for r in whole["neurons"]), reverse=True)
    pages = [get(client, "/api/neurons", index_id=index_id, limit=20, offset=at)["neurons"] for at in (0, 20, 40, 60)]
    assert [row for page in pages for row in page] == whole["neurons"]
    first = whole["neurons"][0]
    top = get(client, "/api/neurons/top", index_id=index_id, layer=first["layer"], unit=first["unit"])
    assert top["contexts"][0]["activation"] == first["max"]
    assert top["contexts"][0]["tokens"][top["contexts"][0]["peak"]] == first["top_token"]
    for name in ("max", "min", "mean", "std", "firing_rate"):
        assert top["stats"][name] == first[name]


def test_the_table_is_filtered_and_searched(index_id: str, client: httpx.Client) -> None:
    whole = get(client, "/api/neurons", index_id=index_id, limit=1000, sort="kurtosis", descending=False)["neurons"]
    bound = whole[10]["firing_rate"]
    found = get(client, "/api/neurons", index_id=index_id, limit=1000, min_firing_rate=bound, layers="1")
    expected = {row["unit"] for row in whole if row["layer"] == 1 and row["firing_rate"] >= bound}
    assert {row["unit"] for row in found["neurons"]} == expected
    assert found["found"] == len(expected)
    token = whole[0]["top_token"]
    named = get(client, "/api/neurons", index_id=index_id, limit=1000, search=token)["neurons"]
    assert {(r["layer"], r["unit"]) for r in named} == {
        (r["layer"], r["unit"]) for r in whole if token.casefold() in r["top_token"].casefold()
    }


def test_the_table_is_taken_away(index_id: str, client: httpx.Client) -> None:
    rows = get(client, "/api/neurons", index_id=index_id, limit=1000, sort="unit")["neurons"]
    sheet = client.get("/api/neurons/export", params={**ONE, "index_id": index_id, "sort": "unit"})
    assert sheet.headers["content-type"].startswith("text/csv")
    assert f'filename="neurons-{index_id}.csv"' in sheet.headers["content-disposition"]
    read = list(csv.DictReader(io.StringIO(sheet.text)))
    assert [(int(line["layer"]), int(line["unit"])) for line in read] == [(r["layer"], r["unit"]) for r in rows]
    query = {**ONE, "index_id": index_id, "sort": "unit", "format": "parquet"}
    table = parquet.read_table(io.BytesIO(client.get("/api/neurons/export", params=query).content))
    assert table.to_pylist() == rows


def test_examples_and_the_histogram(index_id: str, client: httpx.Client) -> None:
    for band in ("top", "middle", "random", "near_zero"):
        found = get(client, "/api/neurons/examples", index_id=index_id, layer=1, unit=5, band=band, k=6)
        shown = [example["activation"] for example in found["examples"]]
        assert len(shown) == 6
        assert shown == sorted(shown, reverse=True)
        assert len(found["spread"]["counts"]) == len(found["spread"]["edges"]) + 1
        assert sum(found["spread"]["counts"]) == found["spread"]["tokens"]


def test_a_whole_window_is_run_again(index_id: str, client: httpx.Client) -> None:
    """No leak: what the index kept around each hit is what its own window gives alone."""
    compared = 0
    for unit in range(24):
        for context in get(client, "/api/neurons/top", index_id=index_id, layer=1, unit=unit)["contexts"]:
            body = {**ONE, "index_id": index_id, "layer": 1, "unit": unit}
            answer = client.post(
                "/api/neurons/window", json={**body, "doc": context["doc"], "window": context["window"]}
            )
            assert answer.status_code == 200, answer.text
            whole = answer.json()
            places = [
                at
                for at in range(len(whole["tokens"]) - len(context["tokens"]) + 1)
                if whole["tokens"][at : at + len(context["tokens"])] == context["tokens"]
                and np.allclose(
                    whole["activations"][at : at + len(context["tokens"])], context["activations"], atol=1e-5
                )
            ]
            assert places
            compared += 1
    assert compared == 24 * 5


def test_contexts_lead_back_to_the_file(index_id: str, client: httpx.Client) -> None:
    lines = TEXT.split("\n")
    for unit in range(24):
        for context in get(client, "/api/neurons/top", index_id=index_id, layer=0, unit=unit)["contexts"]:
            document = lines[context["line"] - 1]
            assert context["file"] == "table.txt"
            piece = document[context["start"] : context["end"]]
            assert piece in context["tokens"][context["peak"]] or context["tokens"][context["peak"]].strip() in piece
        found = get(client, "/api/neurons/top", index_id=index_id, layer=0, unit=unit, contains="CAT", k=5)["contexts"]
        assert all("cat" in "".join(context["tokens"]).casefold() for context in found)


def test_a_run_of_tokens_leads_to_neurons(index_id: str, client: httpx.Client) -> None:
    ngrams = get(client, "/api/neurons/top", index_id=index_id, layer=1, unit=5)["ngrams"]
    assert {gram["n"] for gram in ngrams} == {2, 3, 4, 5}
    assert all(gram["lift"] > 0 and gram["occurs"] >= 1 for gram in ngrams)
    text = "".join(ngrams[0]["tokens"])
    neurons = get(client, "/api/tokens/top", index_id=index_id, token=text, k=1000)["neurons"]
    assert (1, 5) in {(neuron["layer"], neuron["unit"]) for neuron in neurons}


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/api/neurons", {"sort": "odd"}, 422),
        ("/api/neurons", {"limit": 0}, 422),
        ("/api/neurons", {"limit": 1001}, 422),
        ("/api/neurons", {"offset": -1}, 422),
        ("/api/neurons", {"min_firing_rate": 2}, 422),
        ("/api/neurons", {"model_id": "local/none"}, 404),
        ("/api/neurons/export", {"format": "xls"}, 422),
        ("/api/neurons/examples", {"layer": 1, "unit": 99}, 400),
        ("/api/neurons/examples", {"layer": 1, "unit": 1, "band": "odd"}, 422),
        ("/api/neurons/examples", {"layer": 1, "unit": 1, "band": "quantile", "low": 0.9, "high": 0.1}, 400),
    ],
)
def test_bad_questions(index_id: str, client: httpx.Client, path: str, query: dict[str, Any], status: int) -> None:
    answer = client.get(path, params={**ONE, **query})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"].endswith(".")


@pytest.mark.parametrize(
    ("change", "status"),
    [({"unit": "mlp_act.0:1"}, 400), ({"doc": 99}, 400), ({"window": 9}, 400), ({"layer": 7}, 400)],
)
def test_bad_windows(index_id: str, client: httpx.Client, change: dict[str, Any], status: int) -> None:
    body = {**ONE, "index_id": index_id, "layer": 1, "unit": 1, "doc": 0, "window": 0, **change}
    assert client.post("/api/neurons/window", json=body).status_code == status


@pytest.mark.parametrize(
    ("change", "status"),
    [({"layer": 5}, 400), ({"unit": 99}, 400), ({"text": ""}, 422), ({"text": "a" * 200}, 413), ({"unit": "x"}, 422)],
)
def test_bad_probes(client: httpx.Client, change: dict[str, Any], status: int) -> None:
    body = {"model_id": "local/one", "layer": 1, "unit": 5, "text": "Hi", **change}
    assert client.post("/api/neurons/activations", json=body).status_code == status


def test_a_probe_equals_the_capture(client: httpx.Client, trace: dict[str, Any]) -> None:
    body = {"model_id": "local/one", "layer": 1, "unit": 5, "text": "Hi there, you"}
    probed = client.post("/api/neurons/activations", json=body).json()
    query = {"address": "mlp_act.1", "top": 24}
    heatmap = client.get(f"/api/traces/{trace['trace_id']}/heatmap", params=query).json()
    assert probed["activations"] == heatmap["values"][heatmap["units"].index(5)]
    assert probed["special"] == [token["special"] for token in trace["tokens"]]
