from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import BertTokenizer

from neuronscope.core.errors import UnsupportedModel
from neuronscope.models.loading.files import check_folder
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import folder_source
from neuronscope.models.loading.tokenizers import read_tokenizer
from support.tokenizers import save_tiny


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "qwen2", "gemma", "gpt_neox"])
def test_a_folder_without_tokenizer_is_refused_at_load(tmp_path: Path, family: str) -> None:
    """Of most families transformers makes an empty tokenizer there, without a word."""
    folder = save_tiny(tmp_path / "model", family)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(UnsupportedModel, match=r"'model' has no tokenizer files \(tokenizer\.json") as caught:
        load(folder_source(folder), device="cpu")
    assert "save_pretrained" in caught.value.hint


def test_vocabularies_under_other_names_serve(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat"]))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": BertTokenizer.__name__}))
    assert read_tokenizer(check_folder(folder))("the cat", add_special_tokens=False)["input_ids"] == [5, 6]


def test_a_damaged_tokenizer_is_not_called_missing(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model")
    (folder / "tokenizer.json").write_text('{"model": 1}')
    with pytest.raises(UnsupportedModel, match="no usable tokenizer"):
        read_tokenizer(check_folder(folder))
