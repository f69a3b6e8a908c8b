"""The `sql` transformer: its answers, its types, what it refuses, and where it points."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.combination import Combination
from lumos_dagster.errors import ConfigError, DataError, Interrupted, TransientError
from lumos_dagster.interface import Deferred
from lumos_dagster.relation import Relation
from lumos_dagster.transforms.sql import Sql
from lumos_dagster.values import RunContext
from lumos_dagster_tests.transforms.running import Result, combine
from lumos_dagster_tests.transforms.tables import LARGE_ROWS, SMALL, large_table, random_table, spills


def ask(query: str, tables: dict[str, pa.Table] | pa.Table, **how: Any) -> Result:
    return combine(Sql, {"query": query}, tables, **how)


def test_joins_and_groups_over_parents_by_their_names() -> None:
    orders, names = random_table(1), pa.table({"key": [0, 1, 2], "label": ["zero", "one", "two"]})
    query = """
        select label, count(*) as n, sum(amount) as total
        from my-orders join names using (key) group by label order by label
    """.replace("my-orders", '"my-orders"')
    result = ask(query, {"my-orders": orders, "names": names}, batch=7)
    frame = orders.to_pandas().merge(names.to_pandas(), on="key")
    expected = [
        {"label": label, "n": len(group), "total": sum(value for value in group["amount"] if value is not None) or None}
        for label, group in sorted(frame.groupby("label"))
    ]
    assert result.rows == expected
    assert (result.count.rows_in, result.count.rows_out) == (63, 3)


def test_windows_and_a_parent_read_more_than_once() -> None:
    query = (
        "select a.place, sum(a.size) over (order by a.place) s from input a join input b using (place) order by place"
    )
    table = random_table(2)
    sizes = table.to_pandas()["size"]
    found = ask(query, table, batch=7).column("s")
    expected = sizes.cumsum().ffill()
    assert [None if value is None else int(value) for value in found] == [
        None if pd.isna(value) else int(value) for value in expected
    ]


def test_types_are_exact() -> None:
    table = pa.table(
        {
            "d": pa.array([Decimal("12345678901234567890.12"), None], pa.decimal128(38, 2)),
            "u": pa.array([2**64 - 1, None], pa.uint64()),
            "t": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "Asia/Shanghai")),
            "n": pa.array([1, None], pa.timestamp("ms")),
            "day": pa.array([1, None], pa.date32()),
            "b": pa.array([b"\x00", None]),
        }
    )
    found = ask("select * from input", table).table
    assert found.equals(table.set_column(2, "t", table["t"].cast(pa.timestamp("ns", "UTC"))))
    sums = ask("select sum(d) d, sum(u) u, max(u) m from input", table).table
    assert sums.schema == pa.schema([("d", pa.decimal128(38, 2)), ("u", pa.decimal128(38, 0)), ("m", pa.uint64())])
    assert sums.to_pylist() == [{"d": Decimal("12345678901234567890.12"), "u": Decimal(2**64 - 1), "m": 2**64 - 1}]


def test_no_rows_keep_the_columns_that_the_query_gives() -> None:
    result = ask("select key, amount * 2 as double from input", random_table(1).slice(0, 0))
    assert result.rows == []
    assert result.table.schema.names == ["key", "double"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select kye\nfrom input", r"options\.query: line 1, column 8 of the query: .*kye.*not found.*\"key\""),
        ("select 'é',\n  nopé from input", r"line 2, column 3 of the query: .*nopé"),
        (
            "select * from inptu",
            r"line 1, column 15 of the query: there is no table 'inptu'; allowed: rows, input.*'input'",
        ),
        ("select name + 1 from input", r"line 1, column 13 of the query: No function matches|Could not convert"),
        ("selec 1", r"line 1, column 1 of the query: syntax error"),
        ("select 1 from input where", r"line 1, column \d+ of the query: syntax error"),
        ("select key, key from input", r"the result: two columns have the name 'key'. Give one of them"),
        ("select 1; select 2", "must be one SELECT; here are 2 statements"),
        ("", "must be one SELECT; here are 0 statements"),
    ],
)
def test_mistakes_are_pointed_at_before_the_first_row(query: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ask(query, random_table(1))


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('{file}')", "select * from '{file}'", "select * from read_text('{file}')",
        "select read_text('{file}')", "select * from glob('*')", "copy input to '{file}'", "attach '{file}' as x",
        "install httpfs", "load httpfs", "set memory_limit = '9GB'", "pragma version", "create table x as select 1",
        "delete from input", "select * from query('select 1')", "select * from arrow_scan(1, 2, 3)",
        "select * from duckdb_settings()", "select * from information_schema.tables", "show tables",
        "select * from (show tables)", "with x as (select * from read_text('{file}')) select * from x",
        "select (select content from read_text('{file}'))", "select * from sqlite_master", "table_of_python",
        "select * from table_of_python", "export database '{file}'", "call pragma_version()",
    ],
)  # fmt: skip
def test_a_query_reads_its_parents_and_nothing_else(query: str, tmp_path: Path) -> None:
    table_of_python = random_table(1)
    (tmp_path / "secret").write_text("hunter2")
    with pytest.raises(ConfigError) as caught:
        ask(query.replace("{file}", str(tmp_path / "secret")), table_of_python)
    assert "hunter2" not in str(caught.value)
    assert (tmp_path / "secret").read_text() == "hunter2"


def test_columns_that_differ_in_the_case_of_letters_are_told() -> None:
    with pytest.raises(ConfigError, match=r"the rows of rows: two columns have the name 'id'. The case of letters"):
        ask("select 1 as x from input", pa.table({"id": [1], "ID": [2]}))


def test_a_value_that_does_not_fit_is_a_data_error() -> None:
    with pytest.raises(DataError, match="Could not convert string 'x' to INT32"):
        ask("select cast(name as int) as n from input", pa.table({"name": ["1", "x"]}))


def test_more_rows_than_memory_spill_to_the_disk(tmp_path: Path) -> None:
    options = {"query": "select *, row_number() over (order by number) as place from input", "memory_limit": SMALL}
    result = combine(Sql, options, large_table(), batch=20_000, storage=tmp_path)
    assert result.column("place") == list(range(1, LARGE_ROWS + 1))
    assert result.column("number") == list(range(LARGE_ROWS))
    assert spills(tmp_path) == []


@dataclass(frozen=True)
class Breaking:
    """A source that gives rows and then breaks, or is told to stop."""

    error: Exception | None = None

    @contextmanager
    def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
        def batches() -> Iterator[pa.RecordBatch]:
            yield pa.record_batch({"n": [1]})
            if self.error:
                raise self.error

        yield pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), batches())


def over(source: Breaking, query: str, run: RunContext) -> Relation:
    return Relation(Combination(Deferred("ask", Sql, {"query": query}, run), (("rows", Relation(source)),)))


def test_what_breaks_a_parent_is_told_as_it_is(run: RunContext, book: Book) -> None:
    with (
        pytest.raises(TransientError, match="connection lost"),
        over(Breaking(TransientError("connection lost")), "select * from rows", run).open(book) as rows,
    ):
        rows.read_all()
    assert spills(Path(run.storage)) == []


def test_a_cancel_breaks_a_query_that_runs(run: RunContext) -> None:
    cancellation = Cancellation()
    endless = "select sum(a.range * b.range) as s from rows, range(10000000) a, range(10000000) b"
    with over(Breaking(), endless, run).open(Book(run, 0, cancellation)) as rows:
        timer = threading.Timer(0.3, cancellation.cancel, [Interrupted("told to end")])
        timer.start()
        with pytest.raises(Interrupted, match="told to end"):
            rows.read_all()
        timer.join()
    assert spills(Path(run.storage)) == []


def test_rows_may_be_left_before_their_end_and_opened_again(run: RunContext) -> None:
    relation = over(Breaking(), "select unnest(range(200000)) as x from rows", run)
    for _ in range(2):
        with relation.open(Book(run)) as rows:
            assert next(rows).column("x")[0].as_py() == 0
    assert spills(Path(run.storage)) == []
