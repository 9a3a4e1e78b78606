"""Files of an index that are whole, of the right kind and size, and hold nonsense."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from backend.corpus.brute import tiny_llama
from neuronscope.core.errors import BadRequest, Damaged
from neuronscope.corpus.builder import build_index
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import Settings
from neuronscope.corpus.readers import from_texts

TEXTS = ["a cat sat", "on the mat " * 6, "猫 a cat", "a cat sat", "zq"]
UNITS = [f"mlp_act.{layer}:{unit}" for layer in (0, 1) for unit in range(12)]

HARM: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "beyond": lambda array: np.full_like(array, np.iinfo(array.dtype).max),
    "far": lambda array: np.full_like(array, min(10**6, np.iinfo(array.dtype).max)),
    "negative": lambda array: np.full_like(array, -3 if np.iinfo(array.dtype).min else 255),
    "reversed": lambda array: np.ascontiguousarray(array[::-1]),
    "elsewhere but for the last": lambda array: np.concatenate((np.full_like(array[:-1], 16), array[-1:])),
    "far but for the last": lambda array: np.concatenate(
        (np.full_like(array[:-1], np.iinfo(array.dtype).max), array[-1:])
    ),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("indexes") / "x"
    return build_index(tiny_llama(), from_texts(TEXTS), folder, k=6, settings=Settings(batch_tokens=90, sample=20))


def questions(folder: Path) -> Iterator[Callable[[], object]]:
    index = Index.open(folder)
    yield lambda: index.top(UNITS, k=200)
    yield lambda: index.examples(UNITS[3])
    yield lambda: index.tokens(UNITS)
    yield lambda: index.ngrams(UNITS)
    yield lambda: index.token_neurons("a")
    yield lambda: index.token_neurons("cat")
    yield lambda: index.occurs("a cat")
    yield lambda: index.sample()
    yield lambda: index.window(1, 0)
    yield lambda: index.spread(UNITS[0])
    yield lambda: index.table
    yield lambda: index.top_tokens


def astray(index: Index) -> list[str]:
    return sorted(path.name for path in index.folder.glob("*.npy") if np.load(path).dtype.kind in "iu")


@pytest.mark.parametrize("harm", HARM)
def test_nonsense_in_a_file_is_damage_or_an_answer_never_a_crash(index: Index, tmp_path: Path, harm: str) -> None:
    for name in astray(index):
        folder = tmp_path / name
        shutil.copytree(index.folder, folder)
        np.save(folder / name, HARM[harm](np.load(folder / name)))
        if name == "tokens.npy":  # an index from before where tokens start was kept counts them
            (folder / "gram_starts.npy").unlink()
        with suppress(Damaged):
            for ask in questions(folder):
                # A document whose windows are not to be found is said to have none.
                with suppress(Damaged, BadRequest):
                    ask()


@pytest.mark.parametrize("places", [10**6, -1, np.iinfo(np.int64).max])
def test_an_order_that_points_beyond_the_corpus_says_what_to_do(index: Index, tmp_path: Path, places: int) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    order = np.load(tmp_path / "x" / "gram_order.npy")
    np.save(tmp_path / "x" / "gram_order.npy", np.full_like(order, places))
    opened = Index.open(tmp_path / "x")
    for ask in (lambda: opened.token_neurons("cat"), lambda: opened.occurs("a cat"), lambda: opened.ngrams(UNITS)):
        with pytest.raises(Damaged, match="'x' is damaged: its order of places does not fit its tokens") as told:
            ask()
        assert told.value.hint == "Build the index anew."


@pytest.mark.parametrize(
    "harm", [lambda a: a.astype(np.int32), lambda a: a[:-1], lambda a: np.concatenate((a, a[:1])), lambda a: a[:, None]]
)
def test_an_order_of_another_kind_or_length_is_damage(
    index: Index, tmp_path: Path, harm: Callable[[np.ndarray], np.ndarray]
) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    np.save(tmp_path / "x" / "gram_order.npy", harm(np.load(tmp_path / "x" / "gram_order.npy")))
    with pytest.raises(Damaged, match="as its manifest says"):
        Index.open(tmp_path / "x")


@pytest.mark.parametrize(("name", "ask"), [("documents", "top"), ("tokens", "tokens"), ("tokens", "top_tokens")])
def test_a_context_in_no_document_and_a_token_of_no_vocabulary_are_damage(
    index: Index, tmp_path: Path, name: str, ask: str
) -> None:
    shutil.copytree(index.folder, tmp_path / "x")
    array = np.load(tmp_path / "x" / f"{name}.npy")
    np.save(tmp_path / "x" / f"{name}.npy", np.full_like(array, 10**6))
    opened = Index.open(tmp_path / "x")
    with pytest.raises(Damaged, match=r"no document|none of its vocabulary"):
        opened.top_tokens if ask == "top_tokens" else getattr(opened, ask)(UNITS)
