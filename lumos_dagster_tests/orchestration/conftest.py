"""An instance and a folder for runs."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance on SQLite files of its own."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the test's loaders write."""
    path = tmp_path / "loaded"
    path.mkdir()
    return path
