from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.corpus.brute import bare_values, indexed, rows_of, stored, strongest, tiny_llama
from backend.corpus.exact import corpora
from neuronscope.core.errors import BadAddress, BadRequest, PointUnavailable
from neuronscope.corpus.builder import build_index, choose_addresses
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.loader import wrap
from support.architectures import tiny_architecture
from support.tokenizers import tiny_tokenizer

POINTS = ["resid_post", "mlp_act.1", "head_norm", "resid_pre", "resid_mid"]
HELD = [
    *("resid_pre.0", "resid_pre.1", "head_norm.0", "head_norm.1", "resid_mid.0", "resid_mid.1"),
    *("mlp_act.1", "resid_post.0", "resid_post.1"),
]
UNITS = (16, 16, 2, 2, 16, 16, 12, 16, 16)
TEXTS = ["a cat sat on a cat", "", "on the mat " * 6, "猫 a cat", "the cat sat", "zq"]


def read(loaded: LoadedModel, ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """Everything in the index, side by side in its order, by bare hooks on Llama's own modules."""
    found: dict[str, torch.Tensor] = {}
    handles = []
    for layer, block in enumerate(loaded.model.model.layers):

        def before(name: str, layer: int = layer):
            return lambda _m, args, kwargs: found.__setitem__(
                f"{name}.{layer}", (args[0] if args else kwargs["hidden_states"]).clone()
            )

        handles += [
            block.register_forward_pre_hook(before("resid_pre"), with_kwargs=True),
            block.post_attention_layernorm.register_forward_pre_hook(before("resid_mid"), with_kwargs=True),
            block.self_attn.o_proj.register_forward_pre_hook(before("heads"), with_kwargs=True),
            block.mlp.down_proj.register_forward_pre_hook(before("mlp_act"), with_kwargs=True),
            block.register_forward_hook(
                lambda _m, _a, out, layer=layer: found.__setitem__(
                    f"resid_post.{layer}", (out[0] if isinstance(out, tuple) else out).clone()
                )
            ),
        ]
    with torch.no_grad():
        loaded.model.model(input_ids=ids, attention_mask=mask, use_cache=False)
    for handle in handles:
        handle.remove()
    for layer in range(2):
        parts = found[f"heads.{layer}"].view(*ids.shape, 2, 8)
        norms = torch.linalg.vector_norm(parts, dim=-1)
        assert torch.allclose(norms, parts.square().sum(-1).sqrt(), atol=1e-5)
        found[f"head_norm.{layer}"] = norms
    return torch.cat([found[name] for name in HELD], dim=-1).float().numpy()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=corpora().filter(any), k=st.integers(1, 9), batch_tokens=st.integers(1, 150), shard=st.integers(1, 6))
def test_an_index_of_other_points_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], k: int, batch_tokens: int, shard: int
) -> None:
    loaded = tiny_llama()
    chosen = Settings(batch_tokens=batch_tokens, shard=shard, sample=7, histogram=0.4)
    folder = tmp_path_factory.mktemp("index") / "x"
    index = build_index(loaded, from_texts(texts), folder, k=k, points=POINTS, settings=chosen)
    assert (index.manifest.addresses, index.manifest.units) == (tuple(HELD), UNITS)
    rows = rows_of(loaded, texts, index.manifest.window)
    values = bare_values(loaded, rows, stored(folder, "window_batches").tolist(), read)
    assert indexed(folder) == strongest(loaded, rows, values, k)
    counted = np.concatenate([v[[i != 0 for i in row.ids]] for v, row in zip(values, rows, strict=True)])
    moments = stored(folder, "moments")
    assert np.allclose(moments[:, 0], counted.astype(np.float64).mean(0), rtol=1e-5, atol=1e-6)
    assert np.array_equal(moments[:, 3], counted.max(0))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("points") / "x"
    return build_index(tiny_llama(), from_texts(TEXTS), folder, k=7, points=POINTS, settings=Settings(sample=60))


def test_answers_name_the_point(index: Index) -> None:
    assert index.manifest.points == ("resid_pre", "head_norm", "resid_mid", "mlp_act", "resid_post")
    for name in ("resid_pre.1:15", "head_norm.0:1", "mlp_act.1:3", "resid_post.0:0"):
        for context in index.top(name, k=7):
            assert f"{context.point}.{context.layer}:{context.unit}" == name
        assert index.stats(name).max == index.top(name, k=1)[0].activation
        example = index.examples(name, k=1)[0]
        assert f"{example.point}.{example.layer}:{example.unit}" == name
    both = index.top(["resid_pre.1:2", "resid_post.1:2"], k=100)
    assert {(c.point, c.layer) for c in both} == {("resid_pre", 1), ("resid_post", 1)}


def test_a_token_drives_the_units_of_one_point(index: Index) -> None:
    assert {(n.point, n.layer) for n in index.token_neurons("a", k=1000)} == {("mlp_act", 1)}
    for point in ("resid_post", "head_norm"):
        for text in ("a", "a cat"):
            found = index.token_neurons(text, k=1000, point=point)
            assert {n.point for n in found} <= {point}
            for driven in found:
                kept = index.top(f"{point}.{driven.layer}:{driven.unit}", k=100)
                ends = [c for c in kept if "".join(c.tokens[: c.peak + 1]).endswith(text)]
                assert (len(ends), max(c.activation for c in ends)) == (driven.count, driven.max)
    with pytest.raises(BadAddress, match="does not hold ln1"):
        index.token_neurons("a", point="ln1")


def test_the_sample_and_the_table_are_told_by_point(index: Index) -> None:
    values = stored(index.folder, "sample_values")
    assert np.array_equal(index.sample().values, values[68:80]), "neurons are meant where nobody names a point"
    found = index.sample([1, 0], "head_norm")
    assert found.units == ["head_norm.1:0", "head_norm.1:1", "head_norm.0:0", "head_norm.0:1"]
    assert np.array_equal(found.values, values[[34, 35, 32, 33]])
    rows = index.table.rows(index.table.choose(sort="unit", descending=False, point="resid_mid"))
    assert sorted((row.point, row.layer, row.unit) for row in rows) == [
        ("resid_mid", layer, unit) for layer in (0, 1) for unit in range(16)
    ]
    assert len(index.table.choose()) == sum(UNITS)
    assert {row.point for row in index.table.rows(index.table.choose(layers=[1]))} == set(index.manifest.points)
    with pytest.raises(BadAddress, match="does not hold ln1"):
        index.table.choose(point="ln1")


def test_an_index_without_neurons_is_asked_about_what_it_holds(tmp_path: Path) -> None:
    index = build_index(tiny_llama(), from_texts(TEXTS), tmp_path / "x", k=3, points=["head_norm"])
    assert {n.point for n in index.token_neurons("a", k=10)} == {"head_norm"}
    assert index.sample().units == [f"head_norm.{layer}:{unit}" for layer in (0, 1) for unit in (0, 1)]
    with pytest.raises(BadAddress, match=r"does not hold mlp_act\.0"):
        index.top("mlp_act.0:1")


@pytest.mark.parametrize(
    ("points", "layers", "error", "reason"),
    [
        (
            ["q"],
            None,
            BadAddress,
            "axes p × h × e, so it has no single units to index. Heads can be indexed as head_norm",
        ),
        (["attn_weights"], [0], BadAddress, "no single units"),
        (["logits"], None, BadAddress, "points that layers have"),
        (["embed"], None, BadAddress, r"resid_pre\.0 holds the same"),
        (["odd"], None, BadAddress, "not an address|no hook point"),
        (["resid_post.2"], None, BadAddress, "Layer 2 is out of range"),
        (["resid_post"], [2], BadAddress, "Layer 2 is out of range"),
        (["mlp_pre"], None, PointUnavailable, "No layer of this model has mlp_pre"),
        (["mlp_pre.0"], None, PointUnavailable, r"no mlp_pre\.0"),
        ([], None, BadRequest, "No points"),
    ],
)
def test_what_can_not_be_indexed_is_refused(
    tmp_path: Path, points: list[str], layers: list[int] | None, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        build_index(tiny_llama(), from_texts(TEXTS), tmp_path / "x", points=points, layers=layers)
    assert list(tmp_path.iterdir()) == []


def test_router_probabilities_can_be_indexed(tmp_path: Path) -> None:
    loaded = wrap(tiny_architecture("mixtral"), tiny_tokenizer(97), "experts")
    index = build_index(loaded, from_texts(["a" * 9]), tmp_path / "x", k=2, points=["router"])
    router = loaded.model.model.layers[1].mlp.gate
    taken: list[torch.Tensor] = []
    handle = router.register_forward_hook(lambda _m, args, _o: taken.append(args[0].clone()))
    with torch.no_grad():
        loaded.model(torch.tensor([loaded.encode("a" * 9).ids]))
    handle.remove()
    rows = torch.softmax(taken[0].reshape(-1, router.weight.shape[1]) @ router.weight.detach().T, dim=-1)
    assert index.manifest.units[1] == rows.shape[1]
    for expert in range(rows.shape[1]):
        best = float(rows[:, expert][[not t.special for t in loaded.encode("a" * 9).tokens]].max())
        assert index.top(f"router.1:{expert}")[0].activation == pytest.approx(best, abs=1e-5)


def test_layers_that_lack_a_point_are_left_out_with_the_reason() -> None:
    loaded = wrap(tiny_architecture("jamba"), tiny_tokenizer(97), "mixed")
    chosen, missing = choose_addresses(loaded, ["head_norm", "resid_post"], None)
    heads = [address.layer for address in chosen if address.point == "head_norm"]
    assert 0 < len(heads) < loaded.anatomy.layer_count
    assert len(missing) == loaded.anatomy.layer_count - len(heads)
    assert all(reason for reason in missing.values())
