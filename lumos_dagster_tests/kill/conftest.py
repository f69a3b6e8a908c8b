"""A bench for the kills of the default tests."""

from collections.abc import Iterator

import pytest

from lumos_dagster_tests.kill.benches import bench
from lumos_dagster_tests.kill.cell import Bench
from lumos_dagster_tests.kill.targets import MariaDB, MongoDB, PostgreSQL
from lumos_dagster_tests.servers.mariadb import MariadbDatabase
from lumos_dagster_tests.servers.postgres import PostgresDatabase


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("kill") / "bench") as made:
        yield made


@pytest.fixture
def on_postgres(postgres: PostgresDatabase) -> PostgreSQL:
    return PostgreSQL(postgres.url)


@pytest.fixture
def on_mongodb(mongodb_url: str, mongodb_database: str) -> MongoDB:
    return MongoDB(mongodb_url, mongodb_database)


@pytest.fixture
def on_mariadb(mariadb: MariadbDatabase) -> MariaDB:
    return MariaDB(mariadb)
