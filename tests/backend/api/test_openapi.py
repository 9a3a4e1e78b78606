from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

import neuronscope.api
from neuronscope.api.app import description
from neuronscope.api.schemas.neurons import NeuronQuery, TokenQuery


def test_the_committed_description_is_what_the_routes_say() -> None:
    committed = json.loads(Path(neuronscope.api.__file__).with_name("openapi.json").read_text(encoding="utf-8"))
    assert committed == description(), "run `make api` and commit the result"


def test_every_operation_is_named_and_says_what_it_does() -> None:
    operations = [operation for path in description()["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert operation["summary"]
        assert operation["responses"].keys() & {"200", "201", "202"}
        assert operation["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorAnswer")


def test_every_reference_leads_somewhere() -> None:
    spec = description()
    named = set(spec["components"]["schemas"])
    text = json.dumps(spec)
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.split('"')[0] in named


def test_bodies_refuse_unknown_fields() -> None:
    spec = description()
    for path in spec["paths"].values():
        for operation in path.values():
            if "requestBody" in operation and "application/json" in operation["requestBody"]["content"]:
                name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
                assert spec["components"]["schemas"][name]["additionalProperties"] is False


def test_the_schema_that_every_request_is_read_by_is_made_once() -> None:
    plain = BaseModel.model_json_schema.__func__  # type: ignore[attr-defined]
    for model in (NeuronQuery, TokenQuery):
        assert model.model_json_schema() is model.model_json_schema()
        assert model.model_json_schema() == plain(model)
        assert model.model_json_schema(mode="serialization") == plain(model, mode="serialization")
