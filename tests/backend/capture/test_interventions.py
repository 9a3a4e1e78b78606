from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from neuronscope.capture.generate import Generation
from neuronscope.capture.values import Lookup
from neuronscope.core.errors import BadAddress, BadRequest, NotFound, PointUnavailable, ProtectedUnit
from neuronscope.core.events import Done, Start, Step
from neuronscope.models.loaded import LoadedModel
from support.families import FAMILIES, output_projection
from support.interventions import FULL, INDEX, LOOKUP, UNITS, changed
from support.runs import receipts, request, run, steps, tiny

GROUP = "g_" + "0" * 26


@pytest.fixture(scope="module")
def llama() -> LoadedModel:
    return tiny("llama")


@contextmanager
def logits_of(loaded: LoadedModel) -> Iterator[list[Tensor]]:
    """The model's logits in each pass, by a bare hook."""
    kept: list[Tensor] = []
    handle = loaded.model.register_forward_hook(lambda _m, _a, output: kept.append(output.logits.clone()))
    try:
        yield kept
    finally:
        handle.remove()


EDITS: dict[str, tuple[dict[str, Any], Callable[[Tensor], Tensor]]] = {
    "scale": ({"value": -2.5}, lambda old: old * -2.5),
    "set": ({"value": 0.3}, lambda old: torch.full_like(old, 0.3)),
    "add": ({"value": 1.7}, lambda old: old + 1.7),
    "ablate_zero": ({}, torch.zeros_like),
    "ablate_mean": ({"reference": INDEX}, lambda old: torch.tensor([n / 4 for n in UNITS]).expand_as(old)),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("op", EDITS)
def test_an_intervention_is_the_edit_by_hand_to_the_bit(family: str, op: str) -> None:
    """In the prompt and in each decoded token; the edit is written into the input of the output projection."""
    loaded = tiny(family)
    rest, edit = EDITS[op]

    def by_hand(_module: object, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden = args[0].clone()
        hidden[..., list(UNITS)] = edit(hidden[..., list(UNITS)])
        return (hidden, *args[1:])

    with logits_of(loaded) as ours:
        run(loaded, 5, interventions=[changed(op, **rest)], lookup=LOOKUP)
    with logits_of(loaded) as theirs:
        handle = output_projection(loaded.model, family, 1).register_forward_pre_hook(by_hand)
        run(loaded, 5)
        handle.remove()
    with logits_of(loaded) as bare:
        run(loaded, 5)
    assert len(ours) == len(theirs) == 5
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], bare[0])


@pytest.mark.parametrize(
    "point", ["embed", "resid_pre.1", "ln1.1", "attn_out.1", "resid_mid.1", "mlp_gate.1", "resid_post.2", "ln_f"]
)
def test_scale_by_one_changes_nothing_at_any_point(llama: LoadedModel, point: str) -> None:
    with logits_of(llama) as bare:
        run(llama, 4)
    with logits_of(llama) as ours:
        events = run(llama, 4, interventions=[{"units": [f"{point}:3"], "op": "scale", "value": 1.0}])
    assert all(torch.equal(a, b) for a, b in zip(ours, bare, strict=True))
    for receipt in receipts(events):
        assert receipt.interventions[0] == {"id": "i1", "fired": True, "positions": 0, "units": 0, "delta_l2": 0.0}


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3", "olmo2"])
def test_the_stream_after_attention_is_changed_by_what_attention_adds(family: str) -> None:
    """Taps see the stream changed both where the MLP reads it and in what the block gives on."""
    loaded = tiny(family)
    config = {**FULL, "points": ("resid_mid.1", "mlp_add.1", "resid_post.1")}
    events = run(loaded, 3, config, [{"units": ["resid_mid.1:4"], "op": "set", "value": 9.0}])
    for step in steps(events):
        seen = {e.address: torch.frombuffer(bytearray(e.payload["values"]), dtype=torch.float32).view(e.shape)
                for e in step.entries if e.payload and e.payload["kind"] == "full"}  # fmt: skip
        assert torch.allclose(seen["resid_mid.1"][:, 4], torch.tensor(9.0), atol=1e-5)
        assert torch.allclose(seen["resid_mid.1"] + seen["mlp_add.1"], seen["resid_post.1"], atol=1e-4)


def test_interventions_are_applied_in_order(llama: LoadedModel) -> None:
    first, second = changed("set", value=2.0, id="a"), changed("scale", value=3.0, id="b")
    config = {**FULL, "points": ("mlp_act.1",)}

    def value(order: list[dict[str, Any]]) -> float:
        payload = steps(run(llama, 1, config, order))[0].entries[0].payload
        assert payload is not None
        return float(torch.frombuffer(bytearray(payload["values"]), dtype=torch.float32).view(-1, 48)[-1, UNITS[0]])

    assert value([first, second]) == 6.0
    assert value([second, first]) == 2.0


@pytest.mark.parametrize(("positions", "prefill", "decode"), [("all", 12, 1), ("last", 1, 1), ([0, 2, 13], 2, None)])
def test_only_the_positions_that_are_meant_change(
    llama: LoadedModel, positions: Any, prefill: int, decode: int | None
) -> None:
    events = run(llama, 4, interventions=[changed("add", value=1.0, positions=positions)])
    found = [receipt.interventions[0] for receipt in receipts(events)]
    length = steps(events)[0].t_add
    assert length == 12
    assert (found[0]["positions"], found[0]["units"], found[0]["fired"]) == (prefill, 2, True)
    assert found[0]["delta_l2"] == pytest.approx((prefill * 2) ** 0.5, rel=1e-5)
    if decode is None:
        assert [one["fired"] for one in found] == [True, False, True, False]
        assert found[1] == {
            "id": "i1", "fired": False, "positions": 0, "units": 0, "delta_l2": 0.0,
            "note": "none of its positions is in this step",
        }  # fmt: skip
    else:
        assert all(one["positions"] == decode for one in found[1:])


@pytest.mark.parametrize(("positions", "rows"), [("all", range(12)), ("last", [11]), ([0, 2, 13], [0, 2])])
def test_the_changed_positions_are_those_that_were_named(llama: LoadedModel, positions: Any, rows: Any) -> None:
    config = {**FULL, "points": ("mlp_act.1",)}
    payload = steps(run(llama, 1, config, [changed("set", value=9.0, positions=positions)]))[0].entries[0].payload
    assert payload is not None
    values = torch.frombuffer(bytearray(payload["values"]), dtype=torch.float32).view(-1, 48)
    assert (values[:, UNITS[0]] == 9.0).nonzero().flatten().tolist() == list(rows)


def test_they_can_be_set_changed_and_cleared_on_the_way(llama: LoadedModel) -> None:
    generation = Generation(llama, request(8))
    seen = []
    with logits_of(llama) as ours:
        for event in generation.events():
            seen.append(event)
            if isinstance(event, Step) and event.step == 1:
                generation.intervene([changed("add", value=3.0, id="a", positions="last")])
            if isinstance(event, Step) and event.step == 3:
                generation.intervene([changed("ablate_zero", id="b")], replace=False)
            if isinstance(event, Step) and event.step == 5:
                generation.intervene([])
    in_force = {r.step: [one["id"] for one in r.interventions] for r in receipts(seen)}
    assert in_force == {2: ["a"], 3: ["a"], 4: ["a", "b"], 5: ["a", "b"], 6: []}
    assert [r.step for r in receipts(seen) if r.defined is not None] == [2, 4, 6]
    assert seen[-1] == Done("length")
    with logits_of(llama) as bare:
        run(llama, 8)
    assert [torch.equal(a, b) for a, b in zip(ours[:3], bare[:3], strict=True)] == [True, True, False]


def test_a_run_after_clearing_is_one_that_never_had_any(llama: LoadedModel) -> None:
    before = run(llama, 6, FULL)
    generation = Generation(llama, request(6), None, [changed("ablate_zero")])
    generation.intervene([])
    with logits_of(llama):
        assert steps(list(generation.events())) == steps(run(llama, 6))
    run(llama, 6, interventions=[changed("add", value=50.0)])
    assert steps(run(llama, 6, FULL)) == steps(before)


def test_one_that_never_fires_is_named_at_the_end(llama: LoadedModel) -> None:
    events = run(
        llama, 3, interventions=[changed("ablate_zero", id="late", positions=[60]), changed("add", value=1, id="on")]
    )
    assert events[-1] == Done("length", ("late",))


def test_protected_units_are_refused_unless_one_insists(llama: LoadedModel) -> None:
    lookup = Lookup(protected=frozenset({"mlp_act.1:11"}))
    with pytest.raises(ProtectedUnit, match=r"mlp_act.1:11"):
        run(llama, 1, interventions=[changed("ablate_zero")], lookup=lookup)
    events = run(llama, 1, interventions=[changed("ablate_zero", override_protection=True)], lookup=lookup)
    assert receipts(events)[0].interventions[0]["units"] == 2


def test_a_group_stands_for_its_units_and_both_are_told(llama: LoadedModel) -> None:
    units = ("mlp_act.1:5", "resid_post.0:3", "mlp_act.1:11")
    asked: list[str] = []

    def group(group_id: str) -> tuple[str, ...]:
        asked.append(group_id)
        return units

    lookup = Lookup(group=group)
    with logits_of(llama) as ours:
        generation = Generation(llama, request(4), None, [{"group_id": GROUP, "op": "scale", "value": -2.0}], lookup)
        events = []
        for event in generation.events():
            events.append(event)
            if isinstance(event, Step) and event.step == 1:
                generation.intervene([{"id": "more", "units": ["mlp_act.0:1"], "op": "ablate_zero"}], replace=False)
    with logits_of(llama) as by_units:
        run(llama, 2, interventions=[{"units": list(units), "op": "scale", "value": -2.0}])
    assert all(torch.equal(a, b) for a, b in zip(ours[:2], by_units, strict=True))
    assert asked == [GROUP], "a group that is deleted on the way stays what it was"
    assert isinstance(events[0], Start)
    (told,) = events[0].settings["interventions"]
    assert (told["group_id"], told["units"]) == (GROUP, units)
    defined = [receipt.defined for receipt in receipts(events) if receipt.defined is not None]
    assert [[one.get("group_id") for one in each] for each in defined] == [[GROUP], [GROUP, None]]
    assert defined[1][0]["units"] == units


def test_a_protected_unit_of_a_group_is_refused_too(llama: LoadedModel) -> None:
    lookup = Lookup(protected=frozenset({"mlp_act.1:11"}), group=lambda _: ("mlp_act.1:5", "mlp_act.1:11"))
    with pytest.raises(ProtectedUnit, match=r"mlp_act.1:11"):
        run(llama, 1, interventions=[{"group_id": GROUP, "op": "ablate_zero"}], lookup=lookup)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"units": ["mlp_act.1:48"], "op": "ablate_zero"}, BadAddress),
        ({"units": ["mlp_act.9:1"], "op": "ablate_zero"}, BadAddress),
        ({"units": ["mlp_pre.1:1"], "op": "ablate_zero"}, PointUnavailable),
        ({"units": ["q.1:1"], "op": "ablate_zero"}, BadAddress),
        ({"units": ["mlp_act.1:1"], "op": "ablate_mean"}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "ablate_mean", "reference": INDEX}, NotFound),
        ({"units": ["mlp_act.1:1"], "op": "patch"}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "scale"}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "scale", "value": float("nan")}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "set", "value": 1, "dose_quantile": 0.5}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "set", "dose_quantile": 1.5, "reference": INDEX}, BadRequest),
        ({"units": ["mlp_act.1:1", "mlp_act.1:1"], "op": "ablate_zero"}, BadRequest),
        ({"units": [], "op": "ablate_zero"}, BadRequest),
        ({"units": "mlp_act.1:1", "op": "ablate_zero"}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "double"}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "ablate_zero", "positions": "first"}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "ablate_zero", "positions": [-1]}, BadRequest),
        ({"group_id": GROUP, "op": "ablate_zero"}, NotFound),
        ({"group_id": "all", "op": "ablate_zero"}, NotFound),
        ({"group_id": 7, "op": "ablate_zero"}, BadRequest),
        ({"group_id": GROUP, "units": ["mlp_act.1:1"], "op": "ablate_zero"}, BadRequest),
        ({"op": "ablate_zero"}, BadRequest),
        ({"units": ["mlp_act.1:1"], "op": "ablate_zero", "strength": 3}, BadRequest),
    ],
)
def test_what_can_not_be_done_is_refused_before_the_run_and_in_it(
    llama: LoadedModel, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Generation(llama, request(2), None, [given])
    generation = Generation(llama, request(2), None, [changed("add", value=1.0, id="kept")])
    with pytest.raises(error):
        generation.intervene([given])
    found = receipts(list(generation.events()))
    assert [one["id"] for receipt in found for one in receipt.interventions] == ["kept", "kept"]


def test_a_point_that_is_computed_from_another_is_refused_with_the_way_out() -> None:
    with pytest.raises(PointUnavailable, match="attn_out"):
        Generation(tiny("granite"), request(2), None, [{"units": ["attn_add.1:1"], "op": "ablate_zero"}])
