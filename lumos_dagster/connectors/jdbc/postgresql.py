"""PostgreSQL, through psycopg 3: COPY both ways."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.csv as pacsv
import sqlalchemy as sa

from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.conversion import as_text, convert
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError

_TIMESTAMP_TZ = pa.timestamp("us", "UTC")
_PLAIN: dict[str, pa.DataType] = {
    "boolean": pa.bool_(), "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(),
    "real": pa.float32(), "double precision": pa.float64(), "date": pa.date32(), "bytea": pa.binary(),
    "time without time zone": pa.time64("us"), "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": _TIMESTAMP_TZ,
}  # fmt: skip
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_LIMITED = re.compile(r"character(?: varying)?\((\d+)\)")

# SQLSTATE classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT = ("08", "40001", "40P01", "53", "55P03", "57P")
_BAD_DATA = ("22", "23")
_REFUSED_AT_THE_DOOR = ("password", "role", "database", "pg_hba", "no pg_hba", "authentication", "SSL", "certificate")

_COLUMNS = """
    select a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull,
           a.atthasdef or a.attidentity <> '' or a.attgenerated <> ''
    from pg_attribute a where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped order by a.attnum"""
_UNIQUE = """
    select array_agg(a.attname::text) from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    where i.indrelid = to_regclass(%s) and i.indisunique and i.indpred is null and i.indexprs is null
    group by i.indexrelid"""


class PostgreSQL(Database):
    """PostgreSQL 12 and later."""

    name = "postgresql"
    technology = "postgres"
    schemes = ("postgresql", "postgres")
    driver = "postgresql+psycopg"
    port = 5432
    parameters: ClassVar[Mapping[str, str]] = {
        **{name: name for name in ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "options",
                                   "application_name", "target_session_attrs", "gssencmode", "channel_binding")},
        "ApplicationName": "application_name", "connectTimeout": "connect_timeout", "loginTimeout": "connect_timeout",
    }  # fmt: skip

    def connect_options(self) -> dict[str, Any]:
        return {"connect_timeout": 15, "options": "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 "
                "-c bytea_output=hex -c extra_float_digits=1"}  # fmt: skip

    def driver_errors(self) -> type[Exception]:
        import psycopg

        return psycopg.Error

    def error(self, error: Exception) -> LumosError:
        state = getattr(error, "sqlstate", None) or ""
        text = _told(error)
        if not state:
            refused = any(word in text for word in _REFUSED_AT_THE_DOOR) and "refused" not in text
            return TerminalError(text) if refused else TransientError(text)
        if state.startswith(_BAD_DATA):
            return DataError(text)
        if state.startswith(_TRANSIENT):
            return TransientError(text)
        return TerminalError(text)

    def cancel(self, raw: Any) -> None:
        raw.cancel_safe(timeout=5)

    def begin(self, raw: Any, waiting: Iterator[None]) -> None:
        """The driver opens the transaction with the first statement."""

    def run_script(self, raw: Any, script: str) -> None:
        raw.execute(script)

    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        rows = raw.execute(_COLUMNS, (self.quote(schema, table),)).fetchall()
        return [_column(name, kind, nullable, has_default) for name, kind, nullable, has_default in rows]

    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        return [frozenset(names) for (names,) in raw.execute(_UNIQUE, (self.quote(schema, table),)).fetchall()]

    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        query = "select tablename from pg_tables where schemaname = coalesce(%s, current_schema()) order by 1"
        return [name for (name,) in raw.execute(query, (schema,)).fetchall()]

    def sql_type(self, kind: pa.DataType) -> str:
        if isinstance(kind, pa.Decimal128Type | pa.Decimal256Type):
            return f"numeric({kind.precision},{kind.scale})"
        if pa.types.is_timestamp(kind):
            return "timestamp with time zone" if getattr(kind, "tz", None) else "timestamp without time zone"
        for is_kind, name in _MADE_FOR:
            if is_kind(kind):
                return name
        raise ValueError(f"PostgreSQL has no column type for {kind}")

    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
        names = ", ".join(self.quote(column.name) for column in columns)
        with raw.cursor() as cursor:
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv)") as copy:
                for batch in batches:
                    sink = io.BytesIO()
                    pacsv.write_csv(_spelled(batch), sink, options)
                    copy.write(sink.getbuffer())
            rows: int = cursor.rowcount
            return rows

    @contextmanager
    def read(self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int) -> Iterator[pa.RecordBatchReader]:
        query = _with_values(raw, query, parameters)
        fields = _described(raw, query)
        chosen = ", ".join(_selected(self.quote(name), kind) for name, kind in fields)
        types = {name: pa.string() if pa.types.is_binary(kind) else _unzoned(kind) for name, kind in fields}
        schema = pa.schema(fields)
        if not fields:
            yield schema.empty_table().to_reader()
            return
        with (
            raw.cursor() as cursor,
            cursor.copy(f"COPY (SELECT {chosen} FROM ({query}) AS q) TO STDOUT (FORMAT csv)") as copy,
        ):
            stream: Any = io.BufferedReader(_CopyStream(iter(copy)), 1 << 20)
            read = pacsv.ReadOptions(column_names=list(types), block_size=1 << 20, use_threads=False)
            parse = pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(fields) > 1)
            values = pacsv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
                true_values=["t"], false_values=["f"],
            )  # fmt: skip
            try:
                reader: Any = pacsv.open_csv(stream, read, parse, values)
            except pa.ArrowInvalid as error:
                if "Empty CSV" not in str(error):
                    raise DataError(f"the query's values cannot be read exactly: {error}") from None
                reader = schema.empty_table().to_reader()
            yield pa.RecordBatchReader.from_batches(schema, _typed(reader, schema))


POSTGRESQL = PostgreSQL()

_MADE_FOR = (
    (pa.types.is_boolean, "boolean"),
    (lambda kind: kind in (pa.int8(), pa.int16(), pa.uint8()), "smallint"),
    (lambda kind: kind in (pa.int32(), pa.uint16()), "integer"),
    (lambda kind: kind == pa.uint64(), "numeric(20,0)"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float32, "real"),
    (pa.types.is_floating, "double precision"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time without time zone"),
    (
        lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind),
        "bytea",
    ),
    (pa.types.is_nested, "jsonb"),
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind), "text"),
)


def _column(name: str, kind: str, nullable: bool, has_default: bool) -> Column:
    if limited := _LIMITED.fullmatch(kind):
        return Column(name, pa.string(), kind, nullable, has_default, int(limited[1]))
    return Column(name, _arrow_type(kind), kind, nullable, has_default)


def _arrow_type(kind: str) -> pa.DataType:
    """The Arrow type that holds every value of a PostgreSQL type exactly; text where Arrow has none."""
    if (numeric := _NUMERIC.fullmatch(kind)) and int(numeric[1]) <= 38:
        return pa.decimal128(int(numeric[1]), int(numeric[2]))
    plain: pa.DataType = _PLAIN.get(re.sub(r"\(\d\)", "", kind), pa.string())
    return plain


def _spelled(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The values as COPY reads them: what pyarrow writes its own way is made text first."""
    columns = []
    for column in batch.columns:
        kind = column.type
        if pa.types.is_binary(kind):
            columns.append(pa.compute.binary_join_element_wise(pa.scalar("\\x"), as_text(column), ""))
        elif pa.types.is_nested(kind) or pa.types.is_time(kind):
            columns.append(as_text(column))
        else:
            columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=[f"c{number}" for number in range(len(columns))])


def _with_values(raw: Any, query: str, parameters: Mapping[str, Any]) -> str:
    """The query with its `:name` parameters as literals quoted by the driver, as COPY takes no parameters."""
    query = query.strip().rstrip(";")
    if not parameters:
        return query
    import psycopg

    compiled = sa.text(query).compile(dialect=sa.make_url("postgresql+psycopg://").get_dialect()())
    return psycopg.ClientCursor(raw).mogrify(str(compiled), dict(parameters))


def _described(raw: Any, query: str) -> list[tuple[str, pa.DataType]]:
    cursor = raw.execute(f"SELECT * FROM ({query}) AS q LIMIT 0")
    described = cursor.description or ()
    names = [column.name for column in described]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"the query gives the column {', '.join(twice)} more than once; name each by AS")
    kinds = [
        raw.execute("select format_type(%s, %s)", (item.type_code, _modifier(item))).fetchone()[0] for item in described
    ]
    return [(name, _arrow_type(kind)) for name, kind in zip(names, kinds, strict=True)]


def _modifier(column: Any) -> int | None:
    """A numeric's precision and scale as PostgreSQL packs them into a type modifier."""
    return (
        ((column.precision << 16) | (column.scale & 0x7FF)) + 4
        if column.precision is not None and column.scale is not None
        else None
    )


def _selected(name: str, kind: pa.DataType) -> str:
    if kind == _TIMESTAMP_TZ:
        return f"({name} AT TIME ZONE 'UTC') AS {name}"
    return f"{name}::text AS {name}" if pa.types.is_string(kind) else name


def _unzoned(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("us") if kind == _TIMESTAMP_TZ else kind


def _typed(reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    try:
        for batch in reader:
            columns = []
            for column, field in zip(batch.columns, schema, strict=True):
                if pa.types.is_binary(field.type):
                    columns.append(convert(column, field.type).values)
                else:
                    columns.append(column.cast(field.type))
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"a value cannot be read exactly: {error}. Values like infinity or NaN have no place in the column's type: "
            "select such a column as text (column::text)"
        ) from None


class _CopyStream(io.RawIOBase):
    """The chunks of a COPY as a file."""

    def __init__(self, chunks: Iterator[Any]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _told(error: Exception) -> str:
    """What the server says: its message, detail and, of a COPY, the line and column."""
    diagnosis = getattr(error, "diag", None)
    parts = [
        getattr(diagnosis, name, None) for name in ("message_primary", "message_detail", "message_hint", "context")
    ]
    text = ". ".join(part.rstrip(".") for part in parts if part)
    return text or " ".join(str(error).split())
