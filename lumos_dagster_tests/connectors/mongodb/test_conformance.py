"""MongoDB against the shipped suite, and what it is excused from."""

import pyarrow as pa
import pytest

from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.testing import SECRET, ConnectorConformance, Harness
from lumos_dagster.testing.samples import SAMPLES

_MS_UTC = pa.timestamp("ms", "UTC")
_TOO_FINE = (pa.timestamp("us"), pa.timestamp("us", "UTC"))


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
            types={kind: as_read.get(kind, kind) for kind in SAMPLES if kind not in _TOO_FINE},
            modes={
                "append": {"mode": "insert"},
                "replace": {"mode": "replace"},
                "upsert": {"mode": "upsert", "key_field": "id"},
                "update": {"mode": "update", "key_field": "id"},
            },
            grows={},
            refuses_growth=False,
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
