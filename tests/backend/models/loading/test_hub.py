from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from neuronscope.core.errors import Cancelled, CorruptModel, GatedModel, NotFound, Offline, UnsafeModel
from neuronscope.models.loading.hub import fetch
from neuronscope.models.loading.loader import load
from neuronscope.models.loading.sources import Sources
from support.hub import COMMIT, Hub, cache_model, hub_server, use_cache
from support.tokenizers import save_tiny

ID = "someone/tiny"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_cache(monkeypatch, tmp_path / "hub")
    return tmp_path / "hub"


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server(monkeypatch, cache) as running:
        yield running


def _nothing(*_: object) -> None:
    pass


def test_a_cached_model_is_listed_and_loads_offline(cache: Path, tmp_path: Path) -> None:
    cache_model(cache, ID, save_tiny(tmp_path / "tiny"))
    listed = {s.model_id: s for s in Sources().list()}[ID]
    assert (listed.source, listed.revision, listed.loadable) == ("cache", COMMIT, True)
    assert load(listed, device="cpu").revision == COMMIT


def test_a_link_to_nothing_is_named_and_offline_it_is_no_model(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = cache_model(cache, ID, save_tiny(tmp_path / "tiny"))
    (snapshot / "model.safetensors").resolve().unlink()
    listed = Sources().find(ID)
    assert listed.folder is None
    assert "model.safetensors is a link to a file that is gone" in listed.note
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CorruptModel):
        load(listed, device="cpu")


def test_a_download_that_broke_off_says_so(cache: Path, tmp_path: Path) -> None:
    snapshot = cache_model(cache, ID, save_tiny(tmp_path / "tiny"))
    (snapshot / "model.safetensors").unlink()
    (snapshot.parents[1] / "blobs" / "abc.incomplete").write_bytes(b"half")
    assert "no weights" in Sources().find(ID).note
    (snapshot / "config.json").unlink()
    assert "interrupted" in Sources().find(ID).note


def test_a_ref_without_its_snapshot_says_so(cache: Path) -> None:
    refs = cache / "models--someone--tiny" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(COMMIT)
    assert "no file of it has come yet" in Sources().find(ID).note


def test_pickles_in_the_cache_are_refused(cache: Path, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "tiny")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    cache_model(cache, ID, folder)
    with pytest.raises(UnsafeModel, match="pickle"):
        load(Sources().find(ID), device="cpu")


def test_fetching_tells_bytes_and_what_is_fetched_loads(hub: Hub, tmp_path: Path) -> None:
    hub.models[ID] = save_tiny(tmp_path / "tiny")
    told: list[tuple[int, int | None, str]] = []
    loaded = load(Sources().find(ID), device="cpu", progress=lambda *step: told.append(step))
    assert loaded.revision == COMMIT
    fetched = [done for done, _, phase in told if phase == "fetch"]
    assert fetched == sorted(fetched)
    assert fetched[-1] >= (hub.models[ID] / "model.safetensors").stat().st_size
    read = [(done, total) for done, total, phase in told if phase == "load"]
    assert read[-1][0] == read[-1][1]
    assert len(read) > 5
    assert Sources().find(ID).source == "cache"


def test_a_download_stops_at_once_when_it_is_cancelled(hub: Hub, tmp_path: Path) -> None:
    hub.models[ID] = save_tiny(tmp_path / "tiny", "gemma")
    big = hub.models[ID] / "model.safetensors"
    big.write_bytes(big.read_bytes() + b"\0" * (4 << 20))
    hub.slow = 0.02
    begun = threading.Event()

    def check() -> None:
        if begun.is_set():
            raise Cancelled("enough")

    started = time.perf_counter()
    with pytest.raises(Cancelled):
        fetch(ID, None, lambda done, _t, _p: begun.set() if done > 100_000 else None, check)
    assert time.perf_counter() - started < 4
    time.sleep(0.3)
    sent = hub.sent
    time.sleep(0.5)
    assert hub.sent - sent <= 1 << 18
    assert hub.sent < big.stat().st_size


def test_each_failure_of_the_hub_has_its_own_sentence(hub: Hub, tmp_path: Path) -> None:
    hub.models[ID] = save_tiny(tmp_path / "tiny")
    hub.gated.add("meta/closed")
    with pytest.raises(GatedModel, match=r"Access to meta/closed must be granted.*HF_TOKEN"):
        fetch("meta/closed", None, _nothing, _nothing)
    with pytest.raises(NotFound, match="The hub has no model 'no/such'"):
        fetch("no/such", None, _nothing, _nothing)
    with pytest.raises(NotFound, match="has no revision 'v9'"):
        fetch(ID, "v9", _nothing, _nothing)


def test_without_a_hub_it_is_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Offline, match="the hub can't be reached"):
        fetch("some/one", None, _nothing, _nothing)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Offline, match="HF_HUB_OFFLINE is set"):
        fetch("some/one", None, _nothing, _nothing)
