"""What every resource shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Request(BaseModel):
    """A body or query from a client: unknown fields are refused, so that a misspelt one is never ignored."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), use_attribute_docstrings=True)


class Answer(BaseModel):
    """What the server sends."""

    model_config = ConfigDict(protected_namespaces=(), use_attribute_docstrings=True)


class ErrorBody(Answer):
    code: str
    message: str
    hint: str


class ErrorAnswer(Answer):
    error: ErrorBody


class TokenOut(Answer):
    id: int
    text: str
    special: bool


def _split_commas(value: object) -> object:
    """Flatten the values of a repeated query parameter; what is no text is left for the validator to judge."""
    if not isinstance(value, list):
        return value
    return [part for item in value for part in (item.split(",") if isinstance(item, str) else [item])]


IntList = Annotated[list[int], BeforeValidator(_split_commas)]
"""Integers of a query, as ``1,2,3`` or as a repeated parameter."""

ModelId = Annotated[str, Field(min_length=1, max_length=200, description="Id of a listed model or of the hub.")]
