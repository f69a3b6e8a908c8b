"""The project's two Dagster instances, from its own files: the embedded default, and the one on PostgreSQL."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from lumos_dagster_tests.servers.dagster_ui import PROJECT
from lumos_dagster_tests.servers.postgres import PASSWORD, PASSWORD_USER, PostgresDatabase


def embedded(home: Path) -> dict[str, str]:
    """Make a DAGSTER_HOME as `make` does, and give the environment of its processes."""
    return _home(home, PROJECT / "dagster.yaml")


def on_postgres(home: Path, database: PostgresDatabase) -> dict[str, str]:
    """Make a DAGSTER_HOME as the compose file does, and give the environment of its processes."""
    database.server.run(f"alter database {database.name} owner to {PASSWORD_USER}")
    return _home(home, PROJECT / "deploy" / "dagster.yaml") | {
        "DAGSTER_POSTGRES_HOST": "127.0.0.1",
        "DAGSTER_POSTGRES_PORT": str(database.server.port),
        "DAGSTER_POSTGRES_USER": PASSWORD_USER,
        "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
        "DAGSTER_POSTGRES_DB": database.name,
        "DAGSTER_STORAGE_DIR": str(home / "artifacts"),
        "DAGSTER_COMPUTE_LOGS_DIR": str(home / "compute_logs"),
    }


@contextmanager
def opened(environment: Mapping[str, str]) -> Iterator[dg.DagsterInstance]:
    """The instance of that environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            yield instance


def _home(home: Path, settings: Path) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(settings, home / "dagster.yaml")
    assert "DAGSTER_POSTGRES_PASSWORD" not in os.environ, "the tests set their own"
    return {"DAGSTER_HOME": str(home)}
