from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest


@pytest.fixture
def page(server: Any) -> httpx.Client:
    return server.client


def test_the_page_and_its_own_addresses(page: httpx.Client) -> None:
    for path in ("/", "/explore", "/neuron?model=a%2Fb&unit=mlp_act.7:42", "/index.html"):
        answer = page.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert "<title>page" in answer.text


def test_hashed_assets_are_kept_for_ever(page: httpx.Client) -> None:
    answer = page.get("/assets/index-abc123.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert len(answer.content) == 2_000_000


def test_what_has_not_changed_is_not_sent_again(page: httpx.Client) -> None:
    tag = page.get("/").headers["etag"]
    answer = page.get("/", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert page.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head(page: httpx.Client) -> None:
    answer = page.head("/assets/index-abc123.js")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "2000000", b"")


@pytest.mark.parametrize(
    "path",
    ["/assets/none.js", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/..%5csecret.txt", "/assets/..%2f..%2fsecret.txt",
     "/link.txt", "/.hidden.txt", "/C:%5csecret.txt", "/secret.txt%00.js"],
)  # fmt: skip
def test_nothing_outside_the_folder_is_sent(serve_with: Any, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("page")
    (web / ".hidden.txt").write_text("secret")
    (web / "link.txt").symlink_to(tmp_path / "secret.txt")
    with serve_with(web=web) as running:
        answer = running.client.get(path)
        assert answer.status_code == 404
        assert "secret" not in answer.json().get("content", "")
        assert answer.text != "secret"


def test_a_page_that_is_not_built_says_so(serve_with: Any, tmp_path: Path) -> None:
    with serve_with(web=tmp_path / "none") as running:
        answer = running.client.get("/")
        assert answer.status_code == 503
        assert "not built" in answer.text
