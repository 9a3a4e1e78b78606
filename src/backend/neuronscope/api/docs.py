"""A plain page that lists the operations of the description, without any outside request or script."""

from __future__ import annotations

from html import escape
from typing import Any

from flask import Response

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code,pre{font:13px/1.5 ui-monospace,monospace} summary{cursor:pointer;padding:.3rem 0}
details{border-bottom:1px solid #8886} table{border-collapse:collapse;margin:.5rem 0}
td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top} .m{display:inline-block;width:4.5rem;font-weight:600}
"""


def page(spec: dict[str, Any]) -> Response:
    """The description as HTML."""
    schemas = spec["components"]["schemas"]
    groups: dict[str, list[str]] = {}
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(rows)}" for tag, rows in groups.items())
    shapes = "".join(_schema(name, schema) for name, schema in sorted(schemas.items()))
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>NeuronScope API</title><style>{_STYLE}</style>'
        f"<h1>NeuronScope API {escape(spec['info']['version'])}</h1>"
        '<p>The machine-readable description is <a href="/api/openapi.json">/api/openapi.json</a>.</p>'
        f"{body}<h2>Shapes</h2>{shapes}</html>"
    )
    return Response(html, mimetype="text/html")


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        _row(parameter["name"], parameter["in"], parameter["schema"], parameter.get("required", False))
        for parameter in operation.get("parameters", [])
    ]
    body = operation.get("requestBody")
    takes = "" if body is None else f"<p>Body: {_link(next(iter(body['content'].values()))['schema'])}</p>"
    answers = "".join(f"<li>{status}: {_contents(answer)}</li>" for status, answer in operation["responses"].items())
    table = f"<table><tr><th>name<th>in<th>type<th>about</tr>{''.join(rows)}</table>" if rows else ""
    return (
        f'<details><summary><span class="m">{method.upper()}</span><code>{escape(path)}</code> '
        f"{escape(operation.get('summary', ''))}</summary>{table}{takes}<ul>{answers}</ul></details>"
    )


def _contents(answer: dict[str, Any]) -> str:
    return ", ".join(f"{escape(kind)} {_link(c['schema'])}" for kind, c in answer.get("content", {}).items())


def _schema(name: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = [_row(field, "", shape, field in needed) for field, shape in schema.get("properties", {}).items()]
    about = escape(schema.get("description", ""))
    return f'<details id="{escape(name)}"><summary>{escape(name)}</summary><p>{about}</p><table>{"".join(rows)}</table></details>'


def _row(name: str, place: str, schema: dict[str, Any], required: bool) -> str:
    about = escape(schema.get("description", ""))
    return (
        f"<tr><td><code>{escape(name)}</code>{' *' if required else ''}<td>{place}<td>{_link(schema)}<td>{about}</tr>"
    )


def _link(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_link(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_link(schema.get('items', {}))}"
    return escape(" | ".join(map(str, schema["enum"])) if "enum" in schema else str(schema.get("type", "any")))
