"""The public Singer streams loaded by jdbc and mongodb: exactly what the records say is there afterwards.

Left out: record_before_schema and invalid_schema, which are broken at the level of the format that the test's own
reader knows, and camelcase_complex_schema, which has no record.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.errors import DataError, LumosError
from lumos_dagster.interface import Extractor, Loader, LoadResult
from lumos_dagster.values import RunContext
from lumos_dagster_tests.servers.postgres import PostgresDatabase
from lumos_dagster_tests.suites.singer import Stream, needs_the_suite, streams

pytestmark = needs_the_suite

Row = dict[str, Any]


@dataclass
class Target:
    """A place that takes streams, each load a run of its own."""

    kind: str
    run: RunContext
    loader: Callable[[str, list[str]], Loader]
    extractor: Callable[[str], Extractor]
    loads: int = 0

    def load(self, stream: Stream, table: pa.Table | None = None) -> LoadResult:
        """Upsert by the stream's keys, insert where it has none."""
        self.loads += 1
        run = RunContext("singer", f"run-{self.loads}", f"run-{self.loads}", self.run.now, self.run.storage)
        with Book(run).task("load") as task:
            rows = (stream.table if table is None else table).to_reader()
            return self.loader(_place(stream.name), stream.keys).write(rows, task)

    def load_file(self, file: str) -> None:
        """All streams of a file."""
        for stream in streams(file):
            self.load(stream)

    def rows(self, stream: str, key: str = "id") -> list[Row]:
        """What is there, by key; JSON text as what it says, and nulls left out: a document has no field there."""
        with Book(self.run).task("read") as task, self.extractor(_place(stream)).read(task) as rows:
            found = [{name: _value(value) for name, value in row.items()} for row in rows.read_all().to_pylist()]
        told = [{name: value for name, value in row.items() if value is not None} for row in found]
        return sorted(told, key=lambda row: row[key])


def _value(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        value = json.loads(value)
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if inner is not None}
    return value


def _place(stream: str) -> str:
    return re.sub(r"\W", "_", stream)


@pytest.fixture(params=["sqlite", "postgresql", "mongodb"])
def target(request: pytest.FixtureRequest, run: RunContext, tmp_path: Path) -> Target:
    if request.param == "mongodb":
        place = {
            "connection_string": request.getfixturevalue("mongodb_url"),
            "database": request.getfixturevalue("mongodb_database"),
        }
        return Target(
            request.param, run,
            lambda name, keys: MongoLoader.model_validate(
                {**place, "collection": name, **({"mode": "upsert", "key_field": keys} if keys else {})}
            ),
            lambda name: MongoExtractor.model_validate({**place, "collection": name}),
        )  # fmt: skip
    url = f"jdbc:sqlite:{tmp_path / 'singer.db'}"
    if request.param == "postgresql":
        database: PostgresDatabase = request.getfixturevalue("postgres")
        url = database.url
    load = {"connection_string": url, "create_table": True, "schema_change": "add_columns"}
    return Target(
        request.param, run,
        lambda name, keys: JdbcLoader.model_validate(
            {**load, "table_name": name, **({"load_mode": "upsert", "key_column": keys} if keys else {"load_mode": "insert"})}
        ),
        lambda name: JdbcExtractor.model_validate({"connection_string": url, "table_name": name}),
    )  # fmt: skip


def without_nulls(stream: Stream) -> list[Row]:
    return [{name: value for name, value in record.items() if value is not None} for record in stream.records]


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("array_data", "id"),
        ("camelcase", "Id"),
        ("multiple_state_messages", "id"),
        ("optional_attributes", "id"),
        ("record_missing_fields", "id"),
        ("user_location_data", "id"),
    ],
)
def test_every_record_lands_as_it_is(target: Target, file: str, key: str) -> None:
    target.load_file(file)
    for stream in streams(file):
        assert _without_id(target.rows(stream.name, key)) == without_nulls(stream)


def test_the_last_of_a_key_lands_and_the_others_are_counted(target: Target) -> None:
    (stream,) = streams("duplicate_records")
    result = target.load(stream)
    assert _without_id(target.rows(stream.name)) == [{"id": 1, "metric": 100}, {"id": 2, "metric": 20}]
    assert (result.merged, result.inserted) == (3, 2)


def test_rows_without_a_key_are_added(target: Target) -> None:
    target.load_file("no_primary_keys")
    target.load_file("no_primary_keys_append")
    first, second = streams("no_primary_keys") + streams("no_primary_keys_append")
    found = _without_id(target.rows("test_no_pk", "metric"))
    assert found == first.records + second.records


def test_changed_rows_replace_those_of_their_key(target: Target) -> None:
    files = ("user_location_data", "user_location_upsert_data")
    expected: dict[str, dict[int, Row]] = {}
    for file in files:
        target.load_file(file)
        for stream in streams(file):
            expected.setdefault(stream.name, {}).update({record["id"]: record for record in stream.records})
    for name, rows in expected.items():
        assert _without_id(target.rows(name)) == [rows[key] for key in sorted(rows)]


def test_columns_that_appear_on_the_way_are_added(target: Target) -> None:
    target.load_file("schema_updates")
    records = [record for stream in streams("schema_updates") for record in stream.records]
    assert _without_id(target.rows("test_schema_updates")) == records


def test_objects_land_with_what_the_schema_announces(target: Target) -> None:
    stream = streams("schema_no_properties")[0]
    target.load(stream)
    found = [row["object_store"] for row in _unordered(target, stream.name)]
    assert sorted(found, key=lambda value: value["id"]) == [record["object_store"] for record in stream.records]


def test_attributes_may_have_special_characters(target: Target) -> None:
    (stream,) = streams("special_chars_in_attributes")
    target.load(stream)
    assert target.rows(stream.name, "_id") == stream.records


def test_texts_of_all_scripts_land_and_nul_where_the_store_knows_it(target: Target) -> None:
    for stream in streams("encoded_string_data"):
        has_nul = [_nul(record) for record in stream.records]
        if target.kind == "postgresql" and any(has_nul):
            with pytest.raises(DataError, match=r"(?i)nul|u\+0000|0x00|u0000"):
                target.load(stream)
            mask = pa.array([not nul for nul in has_nul])
            target.load(stream, stream.table.filter(mask))
            expected = [record for record, nul in zip(stream.records, has_nul, strict=True) if not nul]
        else:
            target.load(stream)
            expected = stream.records
        assert _without_id(target.rows(stream.name)) == expected


def test_a_record_without_its_key_is_a_bad_row(target: Target) -> None:
    (stream,) = streams("record_missing_key_property")
    with pytest.raises(DataError, match=r"row 1: .*'id'"):
        target.load(stream)


def test_a_column_that_the_schema_requires_is_null_where_the_store_does_not_ask(target: Target) -> None:
    (stream,) = streams("record_missing_required_property")
    target.load(stream)
    assert _without_id(target.rows(stream.name, "metric")) == [{"metric": 3215}]


def test_a_key_that_changes_on_the_way_is_taken_or_refused(target: Target) -> None:
    first, second = streams("pk_updates")
    assert (first.keys, second.keys) == (["id"], ["email"])
    target.load(first)
    if target.kind == "mongodb":
        target.load(second)
        assert _without_id(target.rows(first.name)) == first.records + second.records
        return
    # A database finds rows by a key that it knows to be unique; nothing is written behind its back.
    with pytest.raises(LumosError, match="email"):
        target.load(second)
    assert target.rows(first.name) == first.records


def _nul(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_nul, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and "\0" in value


def _without_id(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "_id"} for row in rows]


def _unordered(target: Target, stream: str) -> list[Row]:
    with Book(target.run).task("read") as task, target.extractor(_place(stream)).read(task) as rows:
        return [{name: _value(value) for name, value in row.items()} for row in rows.read_all().to_pylist()]
