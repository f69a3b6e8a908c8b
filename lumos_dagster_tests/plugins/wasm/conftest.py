"""What the tests of the WebAssembly driver share."""

from pathlib import Path

import pytest

from lumos_dagster.values import RunContext
from lumos_dagster_tests.plugins.wasm.guests import Guests


@pytest.fixture
def guests(tmp_path: Path, run: RunContext, monkeypatch: pytest.MonkeyPatch) -> Guests:
    """What runs guests, its compiled code kept apart from the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Guests(tmp_path, run)
