"""The databases against the shipped suite, and what each is excused from."""

from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.testing import SECRET, ConnectorConformance, Harness
from lumos_dagster.testing.samples import SAMPLES
from lumos_dagster_tests.servers.mariadb import MariadbDatabase
from lumos_dagster_tests.servers.postgres import PostgresDatabase

_MODES = {
    "append": {"load_mode": "insert"},
    "replace": {"load_mode": "replace"},
    "upsert": {"load_mode": "upsert"},
    "update": {"load_mode": "update"},
}
_NOBODY = {
    "connection_string": f"jdbc:postgresql://ann:{SECRET}@127.0.0.1:1/shop?connect_timeout=5",
    "table_name": "nothing",
}
_US: dict[pa.DataType, pa.DataType] = {
    pa.timestamp("ms"): pa.timestamp("us"),
    pa.timestamp("ms", "UTC"): pa.timestamp("us", "UTC"),
}


def _harness(url: str, types: dict[pa.DataType, pa.DataType], waivers: dict[str, str], **more: object) -> Harness:
    place = {"connection_string": url}
    return Harness(
        JdbcExtractor,
        JdbcLoader,
        # The first load makes the table with its key, as upsert does.
        target=lambda name: {**place, "table_name": name, "create_table": True, "load_mode": "upsert"},
        source=lambda name, schema: {**place, "table_name": name},
        # Nested values become JSON, which test_types.py looks at.
        types={kind: types.get(kind, kind) for kind in SAMPLES if not pa.types.is_nested(kind)},
        modes=_MODES,  # type: ignore[arg-type]
        grows={"schema_change": "add_columns"},
        missing_source={**place, "table_name": "missing"},
        missing_target={**place, "table_name": "missing"},
        unreachable_source=_NOBODY,
        unreachable_target=_NOBODY,
        drivers=("psycopg", "pymysql", "sqlite3", "sqlalchemy", "duckdb"),
        waivers=waivers,
        **more,  # type: ignore[arg-type]
    )


class TestPostgresql(ConnectorConformance):
    @pytest.fixture
    def harness(self, postgres: PostgresDatabase) -> Harness:
        return _harness(postgres.url, _US, {"keeps_nul_in_text": "PostgreSQL knows no U+0000 in text"})


class TestMariadb(ConnectorConformance):
    @pytest.fixture
    def harness(self, mariadb: MariadbDatabase) -> Harness:
        waivers = {
            "keeps_nan_and_infinity": "MariaDB knows neither; they are bad rows",
            "keeps_minus_zero": "MariaDB drops the sign of a zero",
            "keeps_odd_names": "MariaDB takes no character beyond U+FFFF in a name, and says so",
        }
        return _harness(mariadb.url, _US, waivers)


class TestSqlite(ConnectorConformance):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        integers: dict[pa.DataType, pa.DataType] = {pa.int16(): pa.int64(), pa.int32(): pa.int64()}
        decimals: dict[pa.DataType, pa.DataType] = {kind: pa.string() for kind in SAMPLES if pa.types.is_decimal(kind)}
        waivers = {
            "keeps_nan_and_infinity": "SQLite stores NaN as NULL",
            "keeps_minus_zero": "SQLite drops the sign of a zero",
        }
        return _harness(f"jdbc:sqlite:{tmp_path / 'suite.db'}", _US | integers | decimals, waivers)


class TestDuckdb(ConnectorConformance):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        waivers: dict[str, str] = {}
        return _harness(f"jdbc:duckdb:{tmp_path / 'suite.duckdb'}", _US, waivers)
