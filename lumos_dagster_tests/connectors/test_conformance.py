"""The connectors to servers and databases against the shipped suite, and that none of the catalogue is left out."""

from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.catalog import EXTRACTORS, LOADERS
from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.testing import SECRET, ConnectorConformance, Harness
from lumos_dagster.testing.samples import SAMPLES
from lumos_dagster_tests.connectors import test_files_conformance as files
from lumos_dagster_tests.servers.postgres import PostgresDatabase

_MS_UTC = pa.timestamp("ms", "UTC")
_US, _US_UTC = pa.timestamp("us"), pa.timestamp("us", "UTC")
_FLAT = tuple(kind for kind in SAMPLES if not pa.types.is_nested(kind))
"""What is nested becomes JSON, in each database's own spelling; that has tests of its own."""
_SQL_MODES = {
    "append": {"load_mode": "insert"},
    "replace": {"load_mode": "replace"},
    "upsert": {"load_mode": "upsert", "key_column": "id"},
    "update": {"load_mode": "update", "key_column": "id"},
}


class TestJdbcSqlite(ConnectorConformance):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        database = {"connection_string": f"jdbc:sqlite:{tmp_path / 'rows.db'}"}
        as_read = {
            pa.int16(): pa.int64(),
            pa.int32(): pa.int64(),
            pa.decimal128(20, 4): pa.string(),
            pa.timestamp("ms"): _US,
            _MS_UTC: _US_UTC,
        }
        return Harness(
            JdbcExtractor,
            JdbcLoader,
            target=lambda name: {**database, "table_name": name, "create_table": True},
            source=lambda name, _: {**database, "table_name": name},
            types={kind: as_read.get(kind, kind) for kind in _FLAT},
            modes=_SQL_MODES,
            missing_source={**database, "table_name": "missing"},
            missing_target={**database, "table_name": "missing"},
            waivers={
                "keeps_nan_and_infinity": "SQLite turns NaN into NULL",
                "keeps_minus_zero": "SQLite turns -0.0 into 0.0",
                "says_that_nobody_answers": "a file has no server",
                "shows_no_secret": "a file has no password",
                "imports_its_driver_late": "the driver is a part of Python",
            },
        )


class TestJdbcPostgresql(ConnectorConformance):
    @pytest.fixture
    def harness(self, postgres: PostgresDatabase) -> Harness:
        database = {"connection_string": f"jdbc:{postgres.url}"}
        as_read = {pa.timestamp("ms"): _US, _MS_UTC: _US_UTC}
        nowhere = {"connection_string": f"jdbc:postgresql://ann:{SECRET}@127.0.0.1:1/rows", "table_name": "missing"}
        return Harness(
            JdbcExtractor,
            JdbcLoader,
            target=lambda name: {**database, "table_name": name, "create_table": True},
            source=lambda name, _: {**database, "table_name": name},
            types={kind: as_read.get(kind, kind) for kind in _FLAT},
            modes=_SQL_MODES,
            missing_source={**database, "table_name": "missing"},
            missing_target={**database, "table_name": "missing"},
            unreachable_source=nowhere,
            unreachable_target=nowhere,
            drivers=("psycopg",),
            waivers={"keeps_nul_in_text": "PostgreSQL's text takes any character but U+0000"},
        )


class TestMongodb(ConnectorConformance):
    @pytest.fixture
    def harness(self, mongodb_url: str, mongodb_database: str) -> Harness:
        place = {"connection_string": mongodb_url, "database": mongodb_database}
        nowhere = {
            "connection_string": f"mongodb://ann:{SECRET}@127.0.0.1:1/?serverSelectionTimeoutMS=100",
            "database": "nowhere",
            "collection": "nothing",
        }
        as_read = {
            pa.int16(): pa.int64(),
            pa.int32(): pa.int64(),
            pa.decimal128(20, 4): pa.decimal128(38, 4),
            pa.date32(): _MS_UTC,
            pa.time64("us"): pa.string(),
            pa.timestamp("ms"): _MS_UTC,
        }
        return Harness(
            MongoExtractor,
            MongoLoader,
            target=lambda name: {**place, "collection": name},
            source=lambda name, schema: {**place, "collection": name, "projection": {"_id": 0}},
            types={kind: as_read.get(kind, kind) for kind in SAMPLES if kind not in (_US, _US_UTC)},
            modes={
                "append": {"mode": "insert"},
                "replace": {"mode": "replace"},
                "upsert": {"mode": "upsert", "key_field": "id"},
                "update": {"mode": "update", "key_field": "id"},
            },
            missing_source={**place, "collection": "missing"},
            unreachable_source=nowhere,
            unreachable_target=nowhere,
            drivers=("pymongo", "bson"),
            typeless=True,
            waivers={
                "keeps_columns_without_rows": "a collection has no columns, only its documents have fields",
                "says_that_the_target_is_missing": "MongoDB makes a database and a collection when it is first written",
            },
        )


HARNESSES = {
    "csv": (files.TestCsv,),
    "memory": (files.TestMemory,),
    "jdbc": (TestJdbcSqlite, TestJdbcPostgresql),
    "mongodb": (TestMongodb,),
}
WITHOUT = {"console": "it only prints: there is nothing to read back"}


def test_every_connector_of_the_catalogue_has_a_harness() -> None:
    assert set(HARNESSES) | set(WITHOUT) == set(EXTRACTORS) | set(LOADERS)
    assert not set(WITHOUT) & set(EXTRACTORS), "what can be read back can be held against the suite"
