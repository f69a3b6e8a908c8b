"""The connectors that need no server against the shipped suite."""

from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.connectors.memory import MemoryExtractor, MemoryLoader
from lumos_dagster.testing import ConnectorConformance, Harness
from lumos_dagster.testing.samples import SAMPLES

_NO_KEYS = "rows have no key: they are only added or replaced"
_NO_SERVER = "there is no server, and so no password"
_WAIVERS = {
    "upserts": _NO_KEYS,
    "updates": _NO_KEYS,
    "upserts_the_last_of_a_key": _NO_KEYS,
    "upserts_stream_after_stream": _NO_KEYS,
    "upserts_rows_without_a_column": _NO_KEYS,
    "says_that_nobody_answers": _NO_SERVER,
    "shows_no_secret": _NO_SERVER,
    "imports_its_driver_late": "there is no driver",
}
_NAMES = {
    pa.bool_(): "bool",
    pa.int16(): "int16",
    pa.int32(): "int32",
    pa.int64(): "int",
    pa.float64(): "float",
    pa.decimal128(20, 4): "decimal(20,4)",
    pa.binary(): "binary",
    pa.date32(): "date",
    pa.time64("us"): "time",
    pa.timestamp("us"): "timestamp",
    pa.timestamp("us", "UTC"): "timestamptz",
}


class TestCsv(ConnectorConformance):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        def source(name: str, schema: pa.Schema) -> dict[str, object]:
            types = {field.name: _NAMES[field.type] for field in schema if field.type in _NAMES}
            return {"file_path": str(tmp_path / f"{name}.csv"), "types": types}

        return Harness(
            CsvExtractor,
            CsvLoader,
            target=lambda name: {"file_path": str(tmp_path / f"{name}.csv")},
            source=source,
            types={kind: kind for kind in (*_NAMES, pa.string())},
            modes={"append": {"mode": "append"}, "replace": {"mode": "overwrite"}},
            missing_source={"file_path": str(tmp_path / "missing.csv")},
            missing_target={"file_path": "/dev/null/missing.csv"},
            waivers={
                **_WAIVERS,
                "keeps_nul_in_text": "a NUL byte in a CSV file is refused, as a sign of a broken one",
                "takes_a_new_column": "the header of a file is written once: a column more is refused",
                "appends_rows_without_a_column": "what is appended must have the header's columns, so that none shifts",
            },
        )


class TestMemory(ConnectorConformance):
    @pytest.fixture
    def harness(self) -> Harness:
        return Harness(
            MemoryExtractor,
            MemoryLoader,
            target=lambda name: {"key": name, "persist": True},
            source=lambda name, _: {"key": name, "required": True},
            types={kind: kind for kind in SAMPLES},
            modes={"append": {"mode": "append"}, "replace": {"mode": "replace"}},
            grows={},
            refuses_growth=False,
            missing_source={"key": "missing", "required": True},
            small_batches={},
            waivers={**_WAIVERS, "says_that_the_target_is_missing": "any key can be written"},
        )
