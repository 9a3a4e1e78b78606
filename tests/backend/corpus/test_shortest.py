from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.corpus.brute import tiny_llama
from backend.corpus.exact import bundled_model
from neuronscope.core.address import Unit
from neuronscope.core.errors import BadAddress, BadRequest, Cancelled, Conflict
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import bundled, from_texts
from neuronscope.corpus.shortest import shortest, start_of_context, start_of_text
from neuronscope.models.loaded import LoadedModel
from support.tokenizers import tiny_tokenizer

TEXTS = ["a cat sat on a cat", "on the mat " * 6, "猫 a cat", "the cat sat"]
NEAR = 1e-4


def value(loaded: LoadedModel, unit: Unit, ids: list[int]) -> float:
    """The neuron at the last of ``ids`` behind the tokenizer's own tokens, by a bare hook."""
    taken: list[torch.Tensor] = []
    projection = loaded.model.model.layers[unit.address.layer].mlp.down_proj
    handle = projection.register_forward_pre_hook(lambda _m, args: taken.append(args[0].detach().clone()))
    with torch.no_grad():
        loaded.model.model(torch.tensor([[*loaded.tokenizer("")["input_ids"], *ids]]), use_cache=False)
    handle.remove()
    return float(taken[0][0, -1, unit.index])


def by_hand(loaded: LoadedModel, unit: Unit, ids: list[int], share: float) -> list[int]:
    """The same search, one text at a time."""
    least = share * value(loaded, unit, ids)
    ends = (ids[-n:] for n in range(1, len(ids) + 1))
    kept = next(end for end in ends if value(loaded, unit, end) >= least)
    while len(kept) > 1:
        texts = [kept[:n] + kept[n + 1 :] for n in range(len(kept) - 1)]
        best = max(texts, key=lambda text: value(loaded, unit, text))
        if value(loaded, unit, best) < least:
            break
        kept = best
    return kept


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return build_index(
        tiny_llama(), from_texts(TEXTS), tmp_path_factory.mktemp("s") / "x", k=3, settings=Settings(window=20)
    )


@pytest.mark.parametrize("share", [0.8, 0.95, 1.0])
def test_the_shortest_text_is_found_by_running(index: Index, share: float) -> None:
    loaded, shorter = tiny_llama(), 0
    for layer in (0, 1):
        for number in range(12):
            unit = Unit.parse(f"mlp_act.{layer}:{number}")
            for rank in range(3):
                context = index.top(unit, k=3)[rank]
                start = start_of_context(loaded, index, unit, rank)
                found = shortest(loaded, unit, start, share=share)
                expected = by_hand(loaded, unit, start, share)
                assert found.tokens == [loaded.token_text(i) for i in expected]
                assert found.before == pytest.approx(context.activation, abs=NEAR)
                assert found.after == pytest.approx(value(loaded, unit, expected), abs=NEAR)
                assert found.after >= share * found.before
                assert found.context[-1] == context.tokens[context.peak]
                assert len(found.tokens) + found.deleted + found.cut == len(found.context)
                assert found.complete
                typed = loaded.tokenizer(found.text, add_special_tokens=False)["input_ids"]
                assert found.same_tokens == (typed == expected)
                assert found.as_typed == pytest.approx(value(loaded, unit, typed), abs=NEAR)
                shorter += len(found.tokens) < len(found.context)
    assert shorter > 5


def test_a_text_of_ones_own_is_shortened_from_where_it_is_strongest() -> None:
    loaded, unit = tiny_llama(), Unit.parse("mlp_act.1:4")
    ids = loaded.tokenizer("the cat sat", add_special_tokens=False)["input_ids"]
    values = [value(loaded, unit, ids[: n + 1]) for n in range(len(ids))]
    start = start_of_text(loaded, unit, "the cat sat")
    assert start == ids[: values.index(max(values)) + 1]
    assert shortest(loaded, unit, start).before == pytest.approx(max(values), abs=NEAR)


def test_a_budget_that_runs_out_is_told() -> None:
    loaded, unit = tiny_llama(), Unit.parse("mlp_act.1:4")
    start = start_of_text(loaded, unit, "on the mat on the mat")
    whole = shortest(loaded, unit, start, share=0.999)
    told: list[tuple[int, int]] = []
    short = shortest(loaded, unit, start, share=0.999, budget=20, progress=lambda *at: told.append(at))
    assert whole.complete
    assert not short.complete
    assert short.after >= 0.999 * short.before
    assert told[-1][1] == 20
    assert all(done <= 20 for done, _ in told)


def test_all_texts_of_one_length_are_run_together() -> None:
    loaded, unit = tiny_llama(), Unit.parse("mlp_act.1:4")
    start, turns = start_of_text(loaded, unit, "on the mat on the mat"), []
    found = shortest(loaded, unit, start, share=0.9, run=lambda work: (turns.append(1), work())[1])
    assert len(turns) < found.texts


def test_what_makes_no_sense_is_refused(index: Index) -> None:
    loaded, unit = tiny_llama(), Unit.parse("mlp_act.1:4")
    with pytest.raises(BadRequest, match="has 3 contexts"):
        start_of_context(loaded, index, unit, 3)
    with pytest.raises(BadRequest, match="none of rank -1"):
        start_of_context(loaded, index, unit, -1)
    with pytest.raises(Conflict, match="other weights"):
        start_of_context(tiny_llama(seed=3), index, unit)
    with pytest.raises(BadAddress, match="out of range"):
        start_of_text(loaded, Unit.parse("mlp_act.1:12"), "a")
    low = min(range(12), key=lambda n: value(loaded, Unit.parse(f"mlp_act.1:{n}"), [40]))
    with pytest.raises(BadRequest, match="a share of it says nothing"):
        shortest(loaded, Unit.parse(f"mlp_act.1:{low}"), [40])
    for wrong in ({"share": 0.0}, {"share": 1.1}, {"budget": 0}):
        with pytest.raises(BadRequest):
            shortest(loaded, unit, [40], **wrong)

    def stop() -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        shortest(loaded, unit, start_of_text(loaded, unit, "the cat"), check=stop)


def test_on_the_bundled_model_the_texts_are_short_and_hold(tmp_path: Path) -> None:
    loaded = bundled_model()
    index = build_index(loaded, bundled(150), tmp_path / "x", k=2, layers=[2])
    rows = index.table.rows(index.table.choose(sort="kurtosis")[:12])
    lengths = []
    for row in rows:
        unit = Unit.parse(f"{row.point}.{row.layer}:{row.unit}")
        found = shortest(loaded, unit, start_of_context(loaded, index, unit))
        ids = loaded.tokenizer(found.text, add_special_tokens=False)["input_ids"]
        assert found.after >= 0.8 * found.before > 0
        assert found.as_typed == pytest.approx(value(loaded, unit, ids), rel=1e-3, abs=1e-4)
        lengths.append((len(found.context), len(found.tokens)))
    assert sum(after for _, after in lengths) < sum(before for before, _ in lengths) / 2


def test_a_tokenizer_without_leading_tokens_is_no_special_case() -> None:
    loaded = tiny_llama(bos=False)
    assert tiny_tokenizer(258, bos=False)("")["input_ids"] == []
    unit = Unit.parse("mlp_act.1:4")
    start = start_of_text(loaded, unit, "the cat sat on")
    assert shortest(loaded, unit, start).tokens == [loaded.token_text(i) for i in by_hand(loaded, unit, start, 0.8)]
