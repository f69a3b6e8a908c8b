"""The three routes, each a fixture that a test meets once."""

from pathlib import Path

import pytest

from lumos_dagster.values import RunContext
from lumos_dagster_tests.suites.routes import Route, straight, through_table

NAMES = ("csv", "sqlite", "postgresql")


@pytest.fixture(params=(*NAMES, "mariadb"))
def any_route(request: pytest.FixtureRequest, tmp_path: Path, run: RunContext) -> Route:
    """The same and csv -> MariaDB -> csv, which takes any value, but not any name."""
    if request.param == "csv":
        return straight(run)
    return through_table(run, database_url(request, tmp_path, request.param))


@pytest.fixture(params=NAMES)
def route(request: pytest.FixtureRequest, tmp_path: Path, run: RunContext) -> Route:
    """Ways: csv -> csv, csv -> SQLite -> csv, csv -> PostgreSQL -> csv."""
    if request.param == "csv":
        return straight(run)
    return through_table(run, database_url(request, tmp_path, request.param))


def database_url(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> str:
    """The address of a fresh database; a server is only started for a test that wants it."""
    if name == "sqlite":
        return f"jdbc:sqlite:{tmp_path}/rows.db"
    return str(request.getfixturevalue({"postgresql": "postgres"}.get(name, name)).url)


@pytest.fixture(params=NAMES[1:])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a fresh SQLite or PostgreSQL database."""
    return database_url(request, tmp_path, request.param)
