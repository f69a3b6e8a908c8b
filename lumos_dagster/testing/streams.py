"""Checks of what streams bring that come from elsewhere: changed keys, doubles, columns that come and go, odd names."""

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa

from lumos_dagster.errors import DataError, LumosError
from lumos_dagster.relation import Relation
from lumos_dagster.testing.harness import Bench, Options, raised, require
from lumos_dagster.testing.samples import table_of

_NAMED = {"clientName": "one", "ClientNameX": "two", "_under": "three", "order": "four", "user": "five", "table": "six"}


def upserts_stream_after_stream(bench: Bench) -> None:
    """Three loads that change, repeat and add keys, doubles within each among them, leave the last row of each key."""
    name = bench.name()
    for number, ids in enumerate(([1, 2, 1, 2, 1], [2, 5, 8], [5, 5, 12]), 1):
        rows = pa.table({"id": ids, "metric": [number * 100 + place for place in range(len(ids))]})
        result = bench.load(name, rows, "upsert", f"load-{number}")
        merged = len(ids) - len(set(ids))
        require(result.merged == merged, f"load {number}: {result.merged} rows counted as merged, not {merged}")
    left = pa.table({"id": [1, 2, 5, 8, 12], "metric": [104, 200, 301, 202, 302]})
    bench.same(bench.read(name, left.schema), left)


def appends_rows_without_a_column(bench: Bench) -> None:
    """A later load that lacks a column leaves it null in its rows."""
    name, whole = bench.name(), _rows(1, note="old")
    bench.load(name, whole)
    bench.load(name, whole.set_column(0, "id", pa.array([2])).drop_columns("note"), "append", "load-2")
    bench.same(
        bench.read(name, whole.schema), table_of({"value": (pa.int64(), [10, 10]), "note": (pa.string(), ["old"])})
    )


def upserts_rows_without_a_column(bench: Bench) -> None:
    """A later upsert that lacks a column leaves it as it was in the rows that it changes."""
    name, whole = bench.name(), _rows(1, note="old")
    bench.load(name, whole, "upsert")
    bench.load(name, pa.table({"id": [1, 2], "value": [11, 12]}), "upsert", "load-2")
    bench.same(
        bench.read(name, whole.schema).select(whole.column_names),  # a store may add fields in an order of its own
        table_of({"value": (pa.int64(), [11, 12]), "note": (pa.string(), ["old"])}),
    )


def takes_a_new_column(bench: Bench) -> None:
    """A later load that brings a column more adds it where the harness says how; the old rows have null there."""
    require(bench.harness.grows is not None, "the harness declares no grows")
    name, grown = bench.name(), _rows(2, note="new")
    bench.load(name, _rows(1))
    _with(bench, bench.harness.grows or {}).load(name, grown, "append", "load-2")
    left = table_of({"value": (pa.int64(), [10, 10]), "note": (pa.string(), [None, "new"])})
    bench.same(bench.read(name, grown.schema), left)


def says_what_becomes_of_a_new_column(bench: Bench) -> None:
    """Unless told otherwise a column more is refused, and named, before anything is written; or it is taken."""
    name, grown = bench.name(), _rows(2, note="new")
    bench.load(name, _rows(1))
    if not bench.harness.refuses_growth:
        bench.load(name, grown, "append", "load-2")
        require("note" in bench.read(name, grown.schema).column_names, "the new column is neither refused nor taken")
        return
    error = raised(LumosError, bench.load, name, grown, "append", "load-2")
    require("note" in str(error), f"the error does not name the column: {error}")
    bench.same(bench.read(name, _rows(1).schema), _rows(1))


def takes_a_column_that_begins_within_the_stream(bench: Bench) -> None:
    """Parents of which the second has a column more are one stream: the rows of the first have null there."""
    united = Relation.union((Relation.of(_rows(1)), Relation.of(_rows(2, note="new"))))
    name = bench.name()
    with united.open(bench.book()) as rows:
        schema = rows.schema
        bench.load(name, rows)
    left = table_of({"value": (pa.int64(), [10, 10]), "note": (pa.string(), [None, "new"])})
    bench.same(bench.read(name, schema), left)


def keeps_camel_case_and_reserved_names(bench: Bench) -> None:
    """Names keep their case and their underscores, and a later load finds the columns again."""
    columns = {name: (pa.string(), [text]) for name, text in _NAMED.items()}
    name, first = bench.name(), table_of(columns)
    bench.load(name, first)
    bench.load(name, first.set_column(0, "id", pa.array([2])), "append", "load-2")
    bench.same(
        bench.read(name, first.schema), table_of({key: (pa.string(), [text] * 2) for key, text in _NAMED.items()})
    )


def keeps_nested_data(bench: Bench) -> None:
    """Lists and objects come back as they are, or as JSON that says the same."""
    values: dict[str, list[Any]] = {
        "tags": [["apple", "pear"], [], None],
        "info": [{"name": 'é "x"', "parts": [{"n": 2**53 + 1}]}, {"name": None, "parts": []}, None],
    }
    table = pa.table({"id": [1, 2, 3], **values})
    name = bench.name()
    try:
        bench.load(name, table)
    except DataError as error:
        raise AssertionError(f"nested data is refused: {error}") from error
    found = bench.read(name, table.schema)
    for column, wanted in values.items():
        got = found[column].to_pylist()
        got = [json.loads(value) if isinstance(value, str) else value for value in got]
        require(got == wanted, f"{column!r}: {got}, not {wanted}")


def _rows(number: int, **more: str) -> pa.Table:
    return pa.table({"id": [number], "value": [10], **{name: [text] for name, text in more.items()}})


def _with(bench: Bench, over: Options) -> Bench:
    """The same bench, its loader with other options."""
    target = bench.harness.target
    return Bench(replace(bench.harness, target=lambda name: {**target(name), **over}), bench.storage)


CHECKS = (
    upserts_stream_after_stream,
    appends_rows_without_a_column,
    upserts_rows_without_a_column,
    takes_a_new_column,
    says_what_becomes_of_a_new_column,
    takes_a_column_that_begins_within_the_stream,
    keeps_camel_case_and_reserved_names,
    keeps_nested_data,
)
