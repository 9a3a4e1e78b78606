"""Corpora: texts to build indexes over."""

from __future__ import annotations

from flask import Response

from neuronscope.api import corpora
from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.corpora import CorpusEntry, CorpusList, CorpusUpload

api = blueprint("corpora", "Texts to build indexes over.")


@api.get("/corpora", responses={200: CorpusList})
def list_corpora() -> Response:
    """The bundled corpus and those uploaded"""
    return reply(corpora.entries(services().workspace))


@api.post("/corpora", responses={201: CorpusEntry})
def upload_corpus(body: CorpusUpload) -> Response:
    """Keep a text under a name"""
    return reply(corpora.save(services().workspace, body), 201)
