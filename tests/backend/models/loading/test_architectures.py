from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, LlamaConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from neuronscope.core.errors import UnsupportedModel
from neuronscope.models.loading.architectures import architectures, never_loads
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import Sources
from support.tokenizers import save_tiny


def test_the_tables_read_as_text_are_those_of_transformers() -> None:
    known, causal = architectures()
    assert known == dict(CONFIG_MAPPING_NAMES)
    assert causal == set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "no_such_family"}, "knows no architecture 'no_such_family'"),
        ({"model_type": "t5"}, "t5 is no causal language model"),
        ({"model_type": "vit"}, "vit is no causal language model"),
        ({"model_type": "bart", "is_encoder_decoder": True}, "an encoder and a decoder"),
    ],
)
def test_what_can_never_load_is_listed_so_with_the_reason(tmp_path: Path, config: dict[str, Any], words: str) -> None:
    path = save_tiny(tmp_path / "tiny") / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    listed = Sources((tmp_path,)).find("local/tiny")
    assert not listed.loadable
    assert words in listed.note
    with pytest.raises(UnsupportedModel, match=words):
        load(listed, device="cpu")


def test_every_causal_architecture_stays_loadable() -> None:
    assert not [kind for kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES if never_loads({"model_type": kind})]
    assert not never_loads({"model_type": "bert"})
    assert not never_loads({"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}})


def test_what_a_program_registered_is_left_to_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(LlamaConfig):
        model_type = "own_family"

    monkeypatch.setattr(CONFIG_MAPPING, "_extra_content", {})
    assert never_loads({"model_type": "own_family"})
    AutoConfig.register("own_family", Own)
    assert not never_loads({"model_type": "own_family"})


def test_the_tables_are_read_without_importing_torch() -> None:
    code = (
        "import sys; from neuronscope.models.loading.architectures import never_loads; "
        "assert never_loads({'model_type': 't5'}); assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
