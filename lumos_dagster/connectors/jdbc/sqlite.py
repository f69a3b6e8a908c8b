"""SQLite: values keep their declared types although the file does not enforce them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.connectors.jdbc.forms import Forms
from lumos_dagster.connectors.jdbc.query import trimmed, with_values
from lumos_dagster.conversion import as_text, convert
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError

_AS_TEXT = "Select it as it is stored: CAST(column AS TEXT)"
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_BUSY = (5, 6, 15)
"""SQLITE_BUSY, SQLITE_LOCKED and SQLITE_PROTOCOL: somebody else has the file."""
_DISK = (10, 13)  # SQLITE_IOERR and SQLITE_FULL

_DECLARED: tuple[tuple[re.Pattern[str], pa.DataType], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"^BOOL(EAN)?$", pa.bool_()),
        (r"^DATE$", pa.date32()),
        (r"^TIMESTAMP(TZ| WITH TIME ZONE)", pa.timestamp("us", "UTC")),
        (r"^(TIMESTAMP|DATETIME)", pa.timestamp("us")),
        (r"^TIME$", pa.time64("us")),
        (r"INT", pa.int64()),
        (r"CHAR|CLOB|TEXT", pa.string()),
        (r"BLOB", pa.binary()),
        (r"REAL|FLOA|DOUB", pa.float64()),
        (r"^(NUMERIC|DECIMAL|NUMBER)", pa.decimal128(38, 18)),
    )
)


class SQLite(Database):
    """A SQLite file."""

    name = "sqlite"
    technology = "sqlite"
    schemes = ("sqlite",)
    driver = "sqlite+pysqlite"
    in_a_file = True
    dates_are_text = True
    shares_snapshots = True
    forms = Forms(mark="?")
    swaps = False  # its readers wait for the commit anyway, and a rename would break the views over the table

    def connect_options(self) -> dict[str, Any]:
        # Waiting is done by us, where it can be broken off.
        return {"timeout": 0.0, "isolation_level": None, "check_same_thread": False}

    def driver_errors(self) -> type[Exception]:
        import sqlite3

        return sqlite3.Error

    def error(self, error: Exception) -> LumosError:
        import sqlite3

        if _is_busy(error):
            return TransientError(f"the database file is locked by somebody else: {error}")
        if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
            return DataError(str(error))
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK:
            return TerminalError(f"the disk of the database file is full or fails: {error}")
        return TerminalError(str(error))

    def cancel(self, raw: Any, another: Callable[[], Any]) -> None:
        raw.interrupt()

    def begin(self, raw: Any, waiting: Iterator[None], writes: bool) -> None:
        """One writer at a time: others wait here for their turn. A reader waits while one commits."""
        if writes:
            self._patiently(raw, "BEGIN IMMEDIATE", waiting)
        else:
            raw.execute("BEGIN")
            self._patiently(raw, "SELECT 1 FROM sqlite_master", waiting)

    def begin_together(self, raws: Sequence[Any], waiting: Iterator[None]) -> None:
        """All begin between two looks at the file's version; where somebody has committed meanwhile, once more."""
        first, *others = raws
        for _ in waiting:
            try:
                before = _version(first)
                for raw in (*others, first):
                    raw.execute("BEGIN")
                    raw.execute("SELECT 1 FROM sqlite_master")
                if _version(first) == before:
                    return
            except self.driver_errors() as error:
                if not _is_busy(error):
                    raise
            for raw in raws:
                raw.rollback()
        raise TransientError("the database file is locked, or changed all the time, by somebody else")

    def commit(self, raw: Any, waiting: Iterator[None]) -> None:
        """Readers who began before must have ended."""
        self._patiently(raw, "COMMIT", waiting)

    def _patiently(self, raw: Any, statement: str, waiting: Iterator[None]) -> None:
        for _ in waiting:
            try:
                raw.execute(statement)
            except self.driver_errors() as error:
                if not _is_busy(error):
                    raise
            else:
                return
        raise TransientError("the database file is locked by somebody else")

    def run_script(self, raw: Any, script: str) -> None:
        from sqlite3 import complete_statement

        statement = ""
        for part in re.split(r"(;)", script):
            statement += part
            if complete_statement(statement):
                raw.execute(statement)
                statement = ""
        if statement.strip():
            raw.execute(statement)
        if not raw.in_transaction:
            raise TerminalError("the SQL ended the transaction of the load: leave out its COMMIT or ROLLBACK")

    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        rows = raw.execute(
            'select name, type, "notnull", dflt_value, pk from pragma_table_info(?)', (table,)
        ).fetchall()
        single = sum(1 for row in rows if row[4]) == 1
        return [
            _column(name, kind, not not_null, default is not None or bool(pk and single and kind.upper() == "INTEGER"))
            for name, kind, not_null, default, pk in rows
        ]

    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        keys = "select name from pragma_table_info(?) where pk > 0"
        found = [frozenset(name for (name,) in raw.execute(keys, (table,)))]
        indexes = raw.execute('select name from pragma_index_list(?) where "unique" and not partial', (table,))
        for (index,) in indexes.fetchall():
            names = raw.execute("select name from pragma_index_info(?)", (index,))
            found.append(frozenset(name for (name,) in names))
        return [key for key in found if key and None not in key]  # an expression in an index has no name

    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        return [
            name for (name,) in raw.execute("select name from sqlite_master where type in ('table', 'view') order by 1")
        ]

    def sql_type(self, kind: pa.DataType) -> str:
        if pa.types.is_timestamp(kind):
            return "TIMESTAMPTZ" if getattr(kind, "tz", None) else "TIMESTAMP"
        for is_kind, name in _MADE_FOR:
            if is_kind(kind):
                return name
        raise ValueError(f"SQLite has no column type for {kind}")

    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        names, marks = ", ".join(self.quote(column.name) for column in columns), ", ".join("?" * len(columns))
        arrived = 0
        for batch in batches:
            values = [_bindable(column).to_pylist() for column in batch.columns]
            arrived += raw.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({marks})", zip(*values, strict=True)
            ).rowcount
        return arrived

    @contextmanager
    def read(self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int) -> Iterator[pa.RecordBatchReader]:
        query = trimmed(query)
        declared = _declared(raw, with_values(query, parameters, lambda _: "NULL"))
        cursor = raw.execute(query, {name: _bound(value) for name, value in parameters.items()})
        names = [item[0] for item in cursor.description or ()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(f"the query gives the column {', '.join(twice)} more than once; name each by AS")
        first = cursor.fetchmany(rows)
        fields = [
            pa.field(name, declared.get(name) or _found([row[at] for row in first])) for at, name in enumerate(names)
        ]
        schema = pa.schema(fields)
        yield pa.RecordBatchReader.from_batches(schema, _batches(cursor, first, schema, rows))


SQLITE = SQLite()

_MADE_FOR = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_integer, "INTEGER"),
    (pa.types.is_floating, "REAL"),
    (pa.types.is_decimal, "TEXT"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (
        lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind),
        "BLOB",
    ),
    (lambda _: True, "TEXT"),
)


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


def _version(raw: Any) -> int:
    """A number that changes when another connection has committed, as far as a transaction sees it."""
    return int(raw.execute("PRAGMA data_version").fetchone()[0])


def _column(name: str, declared: str, nullable: bool, has_default: bool) -> Column:
    kind = _arrow_type(declared)
    if kind is not None and pa.types.is_decimal(kind):  # a NUMERIC column holds a float: only what that holds exactly
        return Column(name, kind, declared, nullable, has_default, stored=pa.float64())
    nan_is_null = kind is not None and pa.types.is_floating(kind)
    return Column(name, kind or pa.string(), declared, nullable, has_default, nan_is_null=nan_is_null)


def _arrow_type(declared: str) -> pa.DataType | None:
    """The Arrow type of a declared column type, by SQLite's own rules of affinity; None where nothing is declared."""
    kind = declared.upper().strip()
    if decimal := _DECIMAL.match(kind):
        return pa.decimal128(min(int(decimal[1]), 38), min(int(decimal[2] or 0), 38))
    for pattern, found in _DECLARED:
        if pattern.search(kind):
            return found
    return None


def _bindable(column: "pa.Array[Any]") -> "pa.Array[Any]":
    """The values as SQLite stores them: numbers, text and bytes."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8())
    is_plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_binary, pa.types.is_string)
    return column if any(is_one(kind) for is_one in is_plain) else as_text(column)


def _bound(value: object) -> object:
    """A parameter as SQLite stores such a value: a date as text, an exact number as the float that it keeps."""
    if isinstance(value, Decimal):
        return float(value)
    return as_text(pa.array([value]))[0].as_py() if isinstance(value, date | time) else value


def _declared(raw: Any, query: str) -> dict[str, pa.DataType]:
    """The declared types of the query's columns, as a view over it tells them; expressions have none."""
    raw.execute("DROP VIEW IF EXISTS temp._lumos_described")
    raw.execute(f"CREATE TEMP VIEW _lumos_described AS {query}")
    rows = raw.execute("select name, type from pragma_table_info('_lumos_described')").fetchall()
    raw.execute("DROP VIEW temp._lumos_described")
    return {name: kind for name, declared in rows if (kind := _arrow_type(declared)) is not None}


def _found(values: Sequence[object]) -> pa.DataType:
    """The type of a column of which nothing is declared, from its first values."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return pa.int64()
    if kinds and kinds <= {int, float}:
        return pa.float64()
    return pa.binary() if kinds == {bytes} else pa.string()


def _batches(cursor: Any, rows: list[Any], schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    while rows:
        columns = [_array(list(values), field) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
        rows = cursor.fetchmany(size)


def _array(values: list[Any], field: "pa.Field[Any]") -> "pa.Array[Any]":
    kind = field.type
    try:
        if pa.types.is_integer(kind) and float in set(map(type, values)):  # pyarrow would cut what is behind the point
            bad = next(value for value in values if isinstance(value, float))
            raise pa.ArrowInvalid(f"{bad!r} is no integer")
        if pa.types.is_binary(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind):
            return pa.array(values, kind)
        texts = pa.array([_text(value) for value in values])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise DataError(
            f"column {field.name!r} is declared as {kind}, but holds a value that is none: {error}. {_AS_TEXT}"
        ) from None
    converted = convert(texts.cast(pa.string()), kind)
    if not converted.bad.true_count:
        return converted.values
    bad = values[converted.bad.index(True).as_py()]
    raise DataError(f"column {field.name!r} is declared as {kind}, but holds {bad!r}. {_AS_TEXT}")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.hex() if isinstance(value, bytes) else repr(value)
