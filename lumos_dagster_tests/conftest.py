"""What every test may ask for."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from lumos_dagster.accounting import Book
from lumos_dagster.values import RunContext

# How long an example takes depends on what else the machine does.
settings.register_profile("lumos", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile("lumos")

pytest_plugins = [
    "lumos_dagster_tests.servers.postgres",
    "lumos_dagster_tests.servers.mariadb",
    "lumos_dagster_tests.servers.mongodb",
]


_LONG = ("kill", "ui", "deploy", "orchestration", "components", "connectors/test_in_dagster", "plugins/test_guide")
"""Where tests start whole processes: few, and long."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a worker often waits for a process or a server that it has started."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, in whatever order they are, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: not item.nodeid.removeprefix("lumos_dagster_tests/").startswith(_LONG))


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    """A run with its own storage, begun at a fixed time."""
    return RunContext("job", "run-1", "run-1", datetime(2026, 3, 4, 5, 6, 7, 89, UTC), str(tmp_path / "storage"))


@pytest.fixture
def book(run: RunContext) -> Book:
    """Fresh accounts of that run."""
    return Book(run)
