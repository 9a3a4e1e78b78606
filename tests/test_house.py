"""The rules of the house, held by tests: who may import whom, what may be imported early, how large a file may grow."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "backend" / "neuronscope"

MAY_IMPORT = {
    "version": set[str](),
    "core": set[str](),
    "models": {"core"},
    "traces": {"core"},
    "capture": {"core", "models", "traces"},
    "analysis": {"core"},
    "corpus": {"core", "models", "capture"},
    "runtime": {"core", "models", "traces", "capture", "analysis", "corpus"},
    "api": {"core", "models", "traces", "capture", "analysis", "corpus", "runtime", "version"},
    "bridges": {"core", "models", "traces", "capture", "analysis", "corpus", "runtime", "version"},
    "cli": {"core", "models", "traces", "capture", "analysis", "corpus", "runtime", "version"},
}
MAY_ALSO = {
    PACKAGE / "cli" / "serve.py": {"api", "bridges"},
    PACKAGE / "cli" / "chat.py": {"bridges"},
}
NEVER = {
    "core": {"torch", "transformers", "flask", "numpy", "sklearn"},
    "analysis": {"torch", "transformers", "flask"},
    "traces": {"torch", "transformers", "flask"},
}
FACES = (
    "neuronscope.api.app",
    "neuronscope.api.server",
    "neuronscope.bridges.openai_chat",
    "neuronscope.cli.main",
    "neuronscope.runtime.jobs",
    "neuronscope",
)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; name the whole module"
            yield node.module or ""
            if node.module == "neuronscope":
                yield from (f"neuronscope.{alias.name}" for alias in node.names)


def _modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE)


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_from_below(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    allowed = MAY_IMPORT[room] | {room} | MAY_ALSO.get(path, set())
    for name in _imports(path):
        top, _, rest = name.partition(".")
        if top == "neuronscope" and rest:
            assert rest.split(".")[0] in allowed, f"{room} may not import {name}"
        assert top not in NEVER.get(room, ()), f"{room} may not import {top}"


@pytest.mark.parametrize("module", FACES)
def test_what_must_start_quickly_imports_nothing_slow(module: str) -> None:
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {{'torch', 'transformers', 'sklearn', 'pandas'}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_room_is_named_in_the_import_rules() -> None:
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert rooms == set(MAY_IMPORT) - {"version"}


def test_files_stay_small() -> None:
    suffixes = ("*.py", "*.ts", "*.tsx")
    sources = [p for s in suffixes for top in ("src", "scripts", "benchmarks", "tests") for p in (ROOT / top).rglob(s)]
    kept = [p for p in sources if "node_modules" not in p.parts and p.name != "schema.d.ts"]
    assert len(kept) > 50
    long = {str(p.relative_to(ROOT)): n for p in kept if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert not long, f"split these: {long}"


def test_every_module_says_what_it_is() -> None:
    silent = [str(p) for p in PACKAGE.rglob("*.py") if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert not silent


@pytest.fixture(scope="module")
def papers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "scripts" / "write_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_says_what_the_code_says(papers: ModuleType) -> None:
    assert papers.REFERENCE.read_text("utf-8") == papers.reference(), "run `make docs`"


def test_the_tree_of_the_architecture_is_the_tree(papers: ModuleType) -> None:
    text = papers.ARCHITECTURE.read_text("utf-8")
    assert text == papers.architecture(text), "run `make docs`"
    for path in (*PACKAGE.rglob("*.py"), *(ROOT / "scripts").glob("*.py")):
        if path.name != "__init__.py":
            assert path.name in text


def test_links_between_the_papers_lead_somewhere() -> None:
    for paper in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"):
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", paper.read_text("utf-8")):
            if "://" not in target:
                assert (paper.parent / target).exists(), f"{paper.name} links to {target}"
