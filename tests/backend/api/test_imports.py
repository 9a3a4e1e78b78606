"""The page must answer while torch is still being imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "sklearn", "scipy", "pandas")


@pytest.mark.parametrize(
    "module", ["neuronscope.api.server", "neuronscope.api.app", "neuronscope.cli.main", "neuronscope.runtime.jobs"]
)
def test_faces_import_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_making_the_services_imports_nothing_heavy() -> None:
    code = (
        "import sys, tempfile, pathlib; from neuronscope.api.services import Services; "
        "from neuronscope.api.settings import Settings; from neuronscope.runtime.workspace import Workspace; "
        "from neuronscope.api.asgi import create_asgi; "
        "create_asgi(Services(Settings(), Workspace(pathlib.Path(tempfile.mkdtemp())))); "
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
