"""The shipped weights: what they weigh, and whether they do what their cards say."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from neuronscope.models.bundled import folder, series_folders
from neuronscope.models.bundled.corpus import PARTS, generate
from neuronscope.models.bundled.corpus.probes import arithmetic_probes, colour_probes, fact_probes
from neuronscope.models.bundled.exam import part_losses, score

# Rounding differs between processors and may turn a few close decisions.
_ROUNDING = 0.005


def _card() -> dict[str, Any]:
    return json.loads((folder() / "card.json").read_text())


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_sizes() -> None:
    assert (folder() / "model.safetensors").stat().st_size <= 8 * 2**20
    assert len(series_folders()) >= 5
    assert sum(_size(path) for path in series_folders()) < 40 * 2**20


def test_weights_are_stored_in_float16() -> None:
    for path in [folder(), *series_folders()]:
        weights = load_file(path / "model.safetensors")
        assert {tensor.dtype for tensor in weights.values()} == {torch.float16}


def test_card_describes_the_weights(model: Any) -> None:
    card = _card()
    assert card["parameters"] == sum(p.numel() for p in model.parameters())
    assert card["weights_bytes"] == (folder() / "model.safetensors").stat().st_size
    assert f"{card['parameters']:,}" in (folder() / "README.md").read_text()


def test_each_checkpoint_of_the_series_has_its_card() -> None:
    rows = json.loads((folder().parent / "tuned" / "series.json").read_text())["checkpoints"]
    for path, row in zip(series_folders(), rows[1:], strict=True):
        page = (path / "README.md").read_text()
        assert f"after {row['step']} steps" in page
        assert f"{row['task_score']:.1%}" in page


def test_arithmetic_is_as_good_as_the_card_says(model: Any, tokenizer: Any) -> None:
    probes = arithmetic_probes()
    assert len(probes) == _card()["items"]["arithmetic"]
    measured = score(model, tokenizer, probes)
    assert measured == pytest.approx(_card()["scores"]["arithmetic"], abs=_ROUNDING)
    assert measured >= 0.95


def test_facts_are_as_good_as_the_card_says(model: Any, tokenizer: Any) -> None:
    probes = fact_probes()
    assert len(probes) == _card()["items"]["facts"]
    measured = score(model, tokenizer, probes)
    assert measured == pytest.approx(_card()["scores"]["facts"], abs=_ROUNDING)
    assert measured >= 0.98


def test_loss_by_part_is_as_the_card_says(model: Any, tokenizer: Any) -> None:
    losses = part_losses(model, tokenizer, generate(1, 600, "heldout"))
    assert set(losses) == set(PARTS)
    assert losses == pytest.approx(_card()["loss_by_part"], abs=_ROUNDING)


def _reply(model: Any, tokenizer: Any, *messages: str) -> str:
    roles = [{"role": ("user", "assistant")[i % 2], "content": m} for i, m in enumerate(messages)]
    inputs = tokenizer.apply_chat_template(roles, add_generation_prompt=True, return_tensors="pt")
    output = model.generate(**inputs, max_new_tokens=120, do_sample=False)
    return tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 23 + 45?", "23 + 45 = 68."),
        ("What is 81 - 27?", "81 - 27 = 54."),
        ("What does the cow say?", "The cow says moo."),
        ("What is the capital of France?", "The capital of France is Paris."),
        ("What is the opposite of hot?", "The opposite of hot is cold."),
    ],
)
def test_chat_answers(model: Any, tokenizer: Any, question: str, answer: str) -> None:
    assert _reply(model, tokenizer, question) == answer


def test_chat_goes_on_over_turns(model: Any, tokenizer: Any) -> None:
    reply = _reply(model, tokenizer, "Hello!", "Hello! What can I do for you?", "What is 12 + 30?")
    assert reply == "12 + 30 = 42."


def test_chat_tells_stories_and_rhymes(model: Any, tokenizer: Any) -> None:
    story = _reply(model, tokenizer, "Tell me a story.")
    assert story.count(".") >= 4
    assert story.endswith(".")
    verse = _reply(model, tokenizer, "Write me a rhyme.")
    assert len(verse.splitlines()) >= 2


def test_greedy_decoding_agrees_with_the_exam(model: Any, tokenizer: Any) -> None:
    for probe in [*arithmetic_probes(6), *fact_probes(6)]:
        inputs = tokenizer(probe.prompt, return_tensors="pt")
        answer = tokenizer(probe.answer, add_special_tokens=False)["input_ids"]
        output = model.generate(**inputs, max_new_tokens=len(answer), do_sample=False)
        exact = output[0, inputs["input_ids"].shape[1] :].tolist() == answer
        assert exact == (score(model, tokenizer, [probe]) == 1.0)


def test_a_system_message_is_refused_in_words(tokenizer: Any) -> None:
    with pytest.raises(Exception, match="roles user and assistant"):
        tokenizer.apply_chat_template([{"role": "system", "content": "x"}])


def test_the_series_gains_at_every_checkpoint(model: Any, tokenizer: Any) -> None:
    rows = json.loads((folder().parent / "tuned" / "series.json").read_text())["checkpoints"]
    assert [row["id"] for row in rows] == ["base", *(path.name for path in series_folders())]
    task, sums, facts = colour_probes(), arithmetic_probes(300), fact_probes()
    measured = []
    for row, path in zip(rows, [folder(), *series_folders()], strict=True):
        tuned = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
        measured.append(score(tuned, tokenizer, task))
        assert measured[-1] == pytest.approx(row["task_score"], abs=0.02)
        arithmetic, known = score(tuned, tokenizer, sums), score(tuned, tokenizer, facts)
        assert arithmetic == pytest.approx(row["base_scores"]["arithmetic"], abs=0.03)
        assert known == pytest.approx(row["base_scores"]["facts"], abs=0.02)
        assert arithmetic >= 0.93
        assert known >= 0.93
    assert all(one < other for one, other in pairwise(measured))


def test_series_checkpoints_bring_their_tokenizer(tokenizer: Any) -> None:
    for path in series_folders():
        assert AutoTokenizer.from_pretrained(path).get_vocab() == tokenizer.get_vocab()
