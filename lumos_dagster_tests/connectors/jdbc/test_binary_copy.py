"""PostgreSQL's binary COPY: each value that it carries is the one that CSV carries, and a cut stream is an error."""

from datetime import date, datetime, time
from decimal import Decimal

import pgpq
import pyarrow as pa
import pytest

from lumos_dagster.connectors.jdbc import copying
from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.connectors.jdbc.postgresql import POSTGRESQL
from lumos_dagster.errors import DataError
from lumos_dagster_tests.servers.postgres import PostgresDatabase

VALUES: dict[str, list[object]] = {
    "boolean": [True, False],
    "smallint": [-(2**15), 2**15 - 1],
    "integer": [-(2**31), 2**31 - 1],
    "bigint": [-(2**63), 2**63 - 1],
    "real": [1.5, float("nan"), -0.0],
    "double precision": [0.1, float("inf"), float("nan"), -0.0, 5e-324],
    "numeric(38,0)": [Decimal(10**38 - 1), Decimal(1 - 10**38), Decimal(0), Decimal(10000)],
    "numeric(38,38)": [Decimal("0." + "9" * 38), Decimal("-1e-38")],
    "numeric(15,2)": [Decimal("0.01"), Decimal("-0.10"), Decimal("1234567890123.45"), Decimal("10000.00"), Decimal(0)],
    "numeric(9,5)": [Decimal("0.00010"), Decimal("9999.99999"), Decimal("-1000.00001")],
    "date": [date(1, 1, 1), date(1999, 12, 31), date(2000, 1, 1), date(9999, 12, 31)],
    "time(3) without time zone": [time(0), time(23, 59, 59, 999000)],
    "timestamp without time zone": [datetime(1, 1, 1), datetime(1999, 12, 31, 23, 59, 59, 999999), datetime(9999, 1, 1)],
    "timestamp with time zone": [datetime(1969, 12, 31, 23, 59, 59, 1), datetime(2026, 3, 29, 1, 30)],
    "text": ["", "\\N", 'a "quoted", text\n', "naïve 😀"],
    "character varying(5)": ["", "ééééé"],
    "character(3)": ["", "a", " a", "a  ", "日本語"],
    "bpchar": ["", "a  "],
    "json": ['{"a":  1}', "null", '"é"'],
    "jsonb": ['{"b": 1, "a":  [1.50]}', "null", '"é"'],
    "uuid": ["6f1c2a9e-0d7b-4f43-9a4e-1f0f0c2b3a4d", "{6F1C2A9E0D7B4F439A4E1F0F0C2B3A4D}", "0" * 32],
    "bytea": [b"", b"\x00\xff\\"],
}  # fmt: skip


def _columns(database: PostgresDatabase, table: str) -> list[Column]:
    with database.connect() as raw:
        return POSTGRESQL.columns(raw, None, table)


@pytest.mark.parametrize("declared", VALUES)
def test_values_arrive_as_csv_would_bring_them(
    postgres: PostgresDatabase, declared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.connect() as raw:
        raw.execute(f"create table a (x {declared}, n bigint); create table b (x {declared}, n bigint)")
        columns = POSTGRESQL.columns(raw, None, "a")
        assert POSTGRESQL.way_in(None, columns) == "binary COPY"
        values = [None, *VALUES[declared]]
        batch = pa.record_batch([pa.array(values, columns[0].type), pa.array(range(len(values)))], ["x", "n"])
        assert POSTGRESQL.append(raw, "a", columns, iter([batch.slice(0, 1), batch.slice(1)])) == len(values)
        monkeypatch.setattr(copying, "_BINARY", {})
        assert POSTGRESQL.append(raw, "b", columns, iter([batch])) == len(values)
    binary, text = (postgres.rows(f"select x::text, x from {table} order by n") for table in "ab")
    assert [row[0] for row in binary] == [row[0] for row in text]


def test_no_rows_at_all_are_a_whole_stream(postgres: PostgresDatabase) -> None:
    with postgres.connect() as raw:
        raw.execute("create table a (x integer)")
        assert POSTGRESQL.append(raw, "a", POSTGRESQL.columns(raw, None, "a"), iter([])) == 0


@pytest.mark.parametrize("declared", ["numeric", "integer[]", "kilos", "ids", "interval"])
def test_a_type_that_the_encoder_lacks_goes_as_csv_and_is_named(postgres: PostgresDatabase, declared: str) -> None:
    with postgres.connect() as raw:
        raw.execute(
            f"create domain kilos as integer check (value > 0); create domain ids as uuid; create table a (x {declared})"
        )
    assert POSTGRESQL.way_in(None, _columns(postgres, "a")).startswith("COPY as CSV, because of x (")


def test_a_stream_that_lacks_its_end_is_an_error_and_nothing_arrives(
    postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pgpq.ArrowToPostgresBinaryEncoder

    class CutOff:
        """An encoder that swallows what ends the stream, which the server would take for a whole one."""

        def __init__(self, schema: pa.Schema) -> None:
            self._encoder = whole(schema)
            self.write_header = self._encoder.write_header
            self.write_batch = self._encoder.write_batch

        def finish(self) -> bytes:
            data: bytes = self._encoder.finish()
            return data.removesuffix(b"\xff\xff")

    monkeypatch.setattr(pgpq, "ArrowToPostgresBinaryEncoder", CutOff)
    with postgres.connect() as raw:
        raw.execute("create table a (x bigint)")
        columns = POSTGRESQL.columns(raw, None, "a")
        with pytest.raises(DataError, match="not encoded to their end"):
            POSTGRESQL.append(raw, "a", columns, iter([pa.record_batch([pa.array([1, 2])], ["x"])]))
    assert postgres.rows("select count(*) from a") == [(0,)]
