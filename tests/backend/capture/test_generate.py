from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn
from transformers import set_seed

from neuronscope.capture.forward import run_prompt
from neuronscope.capture.generate import Generation
from neuronscope.core.address import Address
from neuronscope.core.errors import BadAddress, BadRequest, PointUnavailable, TooLarge
from neuronscope.core.events import Done, Failed, Start, Step
from neuronscope.core.generation import GenerateRequest
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import BUNDLED_ID, Sources, folder_source
from support.families import FAMILIES
from support.runs import ids, plain_ids, request, run, steps, tiny


@pytest.fixture(scope="module")
def llama() -> LoadedModel:
    return tiny("llama")


@pytest.fixture(scope="module")
def bundled() -> LoadedModel:
    folder = Sources().find(BUNDLED_ID).folder
    assert folder is not None
    return load(folder_source(folder), device="cpu")


def _hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_are_those_of_transformers(family: str) -> None:
    loaded = tiny(family)
    assert ids(run(loaded, 16)) == plain_ids(loaded, 16, eos_token_id=None)
    assert _hooks(loaded.model) == 0


def test_greedy_tokens_are_those_of_transformers_on_the_bundled_model(bundled: LoadedModel) -> None:
    events = run(bundled, 40, prompt="Once upon a time")
    assert ids(events) == plain_ids(bundled, 40, "Once upon a time")


CONFIGS: tuple[dict[str, Any], ...] = (
    *({"capture_mode": mode} for mode in ("stats", "sampled", "topk", "full", "tile")),
    {"capture_mode": "tile", "tile": "random", "tile_size": (8, 8)},
    *({"attention_tier": tier, "points": ("attn_weights", "q", "logits")} for tier in ("full_row", "full_matrix")),
    {"attention_tier": "full_matrix", "capture_mode": "full", "quantization": "q8"},
)


@pytest.mark.parametrize("family", ["gpt2", "mistral", "gemma2", "opt", "qwen3"])
def test_no_mode_and_no_tier_changes_the_logits(family: str) -> None:
    """T1, bit for bit: the logits of each step against those of a run that watches nothing but one statistic."""
    loaded = tiny(family)
    loaded.model.eval()
    kept: list[torch.Tensor] = []
    handle = loaded.model.register_forward_hook(lambda _m, _a, output: kept.append(output.logits.clone()))
    try:
        run(loaded, 6, {"capture_mode": "stats", "points": ("resid_post.0",), "logits_topk": 0})
        bare = list(kept)
        for config in CONFIGS:
            kept.clear()
            run(loaded, 6, config)
            assert len(kept) == len(bare)
            assert all(torch.equal(a, b) for a, b in zip(kept, bare, strict=True)), config
    finally:
        handle.remove()


def test_two_runs_with_one_seed_are_the_same_to_the_bit(llama: LoadedModel) -> None:
    """T4."""
    options = {"temperature": 0.9, "seed": 7}
    one = run(llama, 12, {"capture_mode": "full", "attention_tier": "full_matrix"}, **options)
    two = run(llama, 12, {"capture_mode": "full", "attention_tier": "full_matrix"}, **options)
    assert steps(one) == steps(two)
    assert ids(one) != ids(run(llama, 12, temperature=0.9, seed=8))


@pytest.mark.parametrize(
    "options", [{"temperature": 0.7}, {"temperature": 1.0, "top_k": 9}, {"temperature": 1.3, "top_k": 40, "top_p": 0.8}]
)
def test_drawn_tokens_are_those_of_transformers(llama: LoadedModel, options: dict[str, Any]) -> None:
    ours = ids(run(llama, 20, seed=11, **options))
    set_seed(11)
    theirs = plain_ids(llama, 20, do_sample=True, **{"top_k": 0, "top_p": 1.0, **options}, eos_token_id=None)
    assert ours == theirs


def test_a_step_belongs_to_what_it_consumed_and_names_what_it_emitted(llama: LoadedModel) -> None:
    events = run(llama, 5)
    start = events[0]
    assert isinstance(start, Start)
    found = steps(events)
    assert [step.phase for step in found] == ["prefill", "decode", "decode", "decode", "decode"]
    assert found[0].inputs == start.tokens
    for before, after in pairwise(found):
        assert [token.id for token in after.inputs] == [before.token_id]
        assert after.pos0 == before.pos0 + before.t_add
    text = [*start.tokens, *(t for step in found[1:] for t in step.inputs)]
    with torch.no_grad():
        logits = llama.model(input_ids=torch.tensor([[t.id for t in text]])).logits[0]
    for step in found:
        likely = torch.log_softmax(logits[step.pos0 + step.t_add - 1], -1)
        assert step.token_id is not None
        assert step.logprob == pytest.approx(float(likely[step.token_id]), abs=1e-4)
        assert [row["id"] for row in step.top] == likely.topk(20).indices.tolist()


def test_the_log_probability_is_that_before_the_temperature(llama: LoadedModel) -> None:
    cold, hot = run(llama, 1), run(llama, 1, temperature=5.0, seed=1)
    assert [row["logprob"] for row in steps(hot)[0].top] == [row["logprob"] for row in steps(cold)[0].top]


def test_full_steps_hold_what_one_pass_over_the_text_holds(llama: LoadedModel) -> None:
    """Each step's tensors against a capture of the whole text: the cache changes nothing beyond rounding."""
    events = run(llama, 5, {"capture_mode": "full", "quantization": "f32", "points": ("mlp_act", "resid_mid", "q")})
    text = "".join([*(t.text for t in steps(events)[0].inputs if not t.special)])
    encoded = llama.encode(text)
    assert [t.id for t in encoded.tokens] == [t.id for t in steps(events)[0].inputs]
    whole, _ = run_prompt(llama, encoded, [Address.parse(e.address) for e in steps(events)[0].entries if e.stats])
    for entry in steps(events)[0].entries:
        if entry.address != "logits":
            assert entry.payload is not None
            assert entry.payload["values"] == whole[Address.parse(entry.address)].tobytes()


def test_an_end_token_ends_the_run_and_is_emitted(llama: LoadedModel) -> None:
    tokens = ids(run(llama, 8))
    stop = next(i for n, i in enumerate(tokens) if i is not None and i not in tokens[:n] and n > 2)
    events = run(llama, 8, stop=(stop,))
    assert ids(events) == tokens[: tokens.index(stop) + 1]
    assert events[-1] == Done("eos")
    llama.model.generation_config.eos_token_id = [stop]
    try:
        assert ids(run(llama, 8)) == ids(events)
        assert ids(run(llama, 8, ignore_eos=True)) == tokens
    finally:
        llama.model.generation_config.eos_token_id = None


def test_the_context_ends_the_run(llama: LoadedModel) -> None:
    events = run(llama, 500)
    last = steps(events)[-1]
    assert last.pos0 + last.t_add == llama.context_length == 64
    assert events[-1] == Done("length")


def test_stop_from_another_thread_ends_it_before_the_next_step(llama: LoadedModel) -> None:
    generation = Generation(llama, request(40))
    seen = []
    for event in generation.events():
        seen.append(event)
        if isinstance(event, Step) and event.step == 3:
            thread = threading.Thread(target=generation.stop)
            thread.start()
            thread.join()
    assert len(steps(seen)) == 4
    assert seen[-1] == Done("stopped")
    assert _hooks(llama.model) == 0


def test_two_runs_on_one_model_may_take_turns(llama: LoadedModel) -> None:
    one, two = Generation(llama, request(6)).events(), Generation(llama, request(6, prompt="cat")).events()
    mixed_one, mixed_two = [], []
    for a, b in zip(one, two, strict=True):
        mixed_one.append(a)
        mixed_two.append(b)
        run_prompt(llama, llama.encode("a pass between steps"), [Address("attn_weights", 0)])
    assert steps(mixed_one) == steps(run(llama, 6))
    assert steps(mixed_two) == steps(run(llama, 6, prompt="cat"))


def test_a_run_that_is_left_takes_its_hooks_along(llama: LoadedModel) -> None:
    events = Generation(llama, request(6)).events()
    for _ in range(3):
        next(events)
    assert _hooks(llama.model) > 0
    events.close()
    assert _hooks(llama.model) == 0


def test_what_breaks_in_the_model_ends_the_run_with_a_sentence(
    llama: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a kernel failed")

    generation = Generation(llama, request(6))
    events = generation.events()
    seen = [next(events), next(events)]
    monkeypatch.setattr(llama.anatomy.blocks[1].module, "forward", breaks)
    seen += list(events)
    assert isinstance(seen[-1], Failed)
    assert (seen[-1].code, seen[-1].hint) == ("failed", "a kernel failed")
    assert _hooks(llama.model) == 0


def test_a_conversation_goes_through_the_chat_template(bundled: LoadedModel) -> None:
    messages = ({"role": "user", "content": "Tell a story."},)
    generation = Generation(bundled, GenerateRequest(messages=messages, max_new_tokens=3))
    expected = bundled.tokenizer.apply_chat_template([dict(m) for m in messages], add_generation_prompt=True)
    assert generation.prompt.ids == list(expected["input_ids"])
    assert generation.start.settings["messages"] == messages
    assert "prompt" not in generation.start.settings


@pytest.mark.parametrize(
    ("options", "config", "error"),
    [
        ({"messages": ({"role": "user", "content": "Hi"},), "prompt": None}, {}, BadRequest),
        ({"stop": ("two words",)}, {}, BadRequest),
        ({"stop": (999,)}, {}, BadRequest),
        ({"compiled": True}, {}, BadRequest),
        ({"prompt": "a" * 70}, {}, TooLarge),
        ({}, {"points": ("mlp_pre",)}, PointUnavailable),
        ({}, {"points": ("mlp_act.3",)}, BadAddress),
        ({}, {"layers": (3,)}, BadAddress),
    ],
)
def test_what_can_not_be_run_is_refused_before_it_begins(
    llama: LoadedModel, options: dict[str, Any], config: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Generation(llama, request(**options), config)


@pytest.mark.parametrize("name", ["ignore_eos", "compiled"])
def test_a_switch_is_true_or_false(name: str) -> None:
    with pytest.raises(BadRequest, match=f"{name} must be true or false"):
        GenerateRequest.of({"prompt": "Hi", name: "no"})


def test_what_the_default_map_lacks_is_said(llama: LoadedModel) -> None:
    start = run(tiny("gpt_neox"), 1)[0]
    assert isinstance(start, Start)
    assert set(start.unavailable) == {f"resid_mid.{layer}" for layer in range(3)}
    assert "parallel" in start.unavailable["resid_mid.0"]
