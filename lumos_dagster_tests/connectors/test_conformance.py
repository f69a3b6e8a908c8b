"""No connector of the catalogue is left out of the shipped suite; the harnesses stand beside each connector's tests."""

from collections.abc import Mapping

from lumos_dagster.catalog import EXTRACTORS, LOADERS
from lumos_dagster.testing import ConnectorConformance
from lumos_dagster_tests.connectors import test_files_conformance as files
from lumos_dagster_tests.connectors.jdbc import test_conformance as jdbc
from lumos_dagster_tests.connectors.mongodb import test_conformance as mongodb

HARNESSES: Mapping[str, tuple[type[ConnectorConformance], ...]] = {
    "csv": (files.TestCsv,),
    "memory": (files.TestMemory,),
    "jdbc": (jdbc.TestSqlite, jdbc.TestPostgresql),
    "mongodb": (mongodb.TestMongodb,),
}
WITHOUT = {"console": "it only prints: there is nothing to read back"}


def test_every_connector_of_the_catalogue_has_a_harness() -> None:
    assert set(HARNESSES) | set(WITHOUT) == set(EXTRACTORS) | set(LOADERS)
    assert not set(WITHOUT) & set(EXTRACTORS), "what can be read back can be held against the suite"
