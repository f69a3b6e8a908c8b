"""PostgreSQL, through psycopg 3: COPY both ways."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa

from lumos_dagster.connectors.jdbc.copied import Copyable, CopyPassage, takes
from lumos_dagster.connectors.jdbc.copying import TIMESTAMP_TZ, copy_bytes_in, copy_in, copy_out, without_binary
from lumos_dagster.connectors.jdbc.database import AtOnce, Column, Database, Translating, is_binary, made_for
from lumos_dagster.connectors.jdbc.forms import Forms
from lumos_dagster.connectors.jdbc.merging import merge
from lumos_dagster.connectors.jdbc.query import check_once, trimmed, with_values
from lumos_dagster.connectors.jdbc.spellings import pattern
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError
from lumos_dagster.passage import Passage

_PLAIN: dict[str, pa.DataType] = {
    "boolean": pa.bool_(), "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(),
    "real": pa.float32(), "double precision": pa.float64(), "date": pa.date32(), "bytea": pa.binary(),
    "time without time zone": pa.time64("us"), "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": TIMESTAMP_TZ,
}  # fmt: skip
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_ARROW_DIGITS = 38
_FRACTION = re.compile(r"time(?:stamp)?\((\d)\)")
_NAME_BYTES = 63
_LIMITED = re.compile(r"character(?: varying)?\((\d+)\)")

# SQLSTATE classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT = ("08", "40001", "40003", "40P01", "53", "55P03", "57014", "57P")
_BAD_DATA = ("21", "22", "23")
_DEPENDENTS = "2BP01"
# A connection that is refused has no SQLSTATE, only a text.
_REFUSED_FOR_GOOD = re.compile(
    r"password|does not exist|pg_hba|authentication|not permitted|permission denied|certificate|private key"
    r"|does not support SSL|invalid \w+ (?:value|option)|invalid connection option"
)
_OURS = "; ".join(
    f"SET LOCAL {name} = '{value}'"
    for name, value in (("TimeZone", "UTC"), ("DateStyle", "ISO"), ("IntervalStyle", "iso_8601"),
                        ("bytea_output", "hex"), ("extra_float_digits", "1"))
)  # fmt: skip
"""How values are spelled in our transactions; a pooler may refuse it as startup options."""

_COLUMNS = """
    select a.attname, format_type(a.atttypid, a.atttypmod), format_type(base.kind, base.modifier), not a.attnotnull,
           a.atthasdef or a.attidentity <> '' or a.attgenerated <> '',
           (select array_agg(enumlabel::text order by enumsortorder) from pg_enum where enumtypid = base.kind)
    from pg_attribute a cross join lateral (
        with recursive known (kind, modifier) as (
            select a.atttypid, a.atttypmod
            union all select t.typbasetype, t.typtypmod from known join pg_type t on t.oid = kind where t.typtype = 'd')
        select kind, modifier from known join pg_type t on t.oid = kind where t.typtype <> 'd') base
    where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped order by a.attnum"""
_TURN = """
    select pg_advisory_xact_lock(hashtextextended('lumos ' || coalesce(%s, current_schema()) || '.' || %s::text, 0))"""
_UNIQUE = """
    select array_agg(a.attname::text) from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])
    where i.indrelid = to_regclass(%s) and i.indisunique and i.indisvalid and i.indimmediate
    and i.indpred is null and i.indexprs is null
    group by i.indexrelid"""
_TABLES = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm', 'f', 'p') and n.nspname = coalesce(%s, current_schema()) order by 1"""
_TYPES = """
    select format_type(kind, modifier) from unnest(%s::oid[], %s::int[]) with ordinality as t (kind, modifier, place)
    order by place"""


class PostgreSQL(Database):
    """PostgreSQL 12 and later."""

    name = "postgresql"
    technology = "postgres"
    schemes = ("postgresql", "postgres")
    driver = "postgresql+psycopg"
    port = 5432
    default_schema = "public"
    max_name_bytes = 63
    shares_snapshots = True
    fills_together = True
    forms = Forms(overriding="OVERRIDING SYSTEM VALUE", stays_in_order=True)
    parameters: ClassVar[Mapping[str, str]] = {
        **{name: name for name in ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "options",
                                   "application_name", "target_session_attrs", "gssencmode", "channel_binding")},
        "ssl": "sslmode", "currentSchema": "options",
        "ApplicationName": "application_name", "connectTimeout": "connect_timeout", "loginTimeout": "connect_timeout",
    }  # fmt: skip

    def connect_options(self) -> dict[str, Any]:
        return {"connect_timeout": 15, "client_encoding": "UTF8"}

    def driver_parameters(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        found = dict(parameters)
        if (ssl := found.pop("ssl", None)) not in (None, "false"):  # as the JDBC driver does
            found.setdefault("sslmode", "verify-full" if ssl in ("", "true") else str(ssl))
        if schema := found.pop("currentSchema", None):
            found["options"] = f"{found.get('options', '')} -c search_path={schema}".strip()
        return super().driver_parameters(found)

    def driver_errors(self) -> type[Exception]:
        import psycopg

        return psycopg.Error

    def error(self, error: Exception) -> LumosError:
        import psycopg

        state = getattr(error, "sqlstate", None) or ""
        text = _told(error)
        if not state:
            lost = isinstance(error, psycopg.OperationalError) and not _REFUSED_FOR_GOOD.search(text)
            return TransientError(text) if lost else TerminalError(text)
        if state.startswith(_BAD_DATA):
            return DataError(text)
        if state.startswith(_TRANSIENT):
            return TransientError(text)
        if state == _DEPENDENTS:
            return TerminalError(f"{text} Or keep the table and empty it: load_mode: truncate")
        return TerminalError(text)

    def cancel(self, raw: Any, another: Callable[[], Any]) -> None:
        raw.cancel_safe(timeout=5)

    def begin(self, raw: Any, waiting: Iterator[None], writes: bool) -> None:
        """The driver opens the transaction with the first statement. Writers see what others have committed."""
        raw.execute(f"SET TRANSACTION ISOLATION LEVEL READ COMMITTED; {_OURS}" if writes else _OURS)

    def begin_together(self, raws: Sequence[Any], waiting: Iterator[None]) -> None:
        """The first transaction lends the others what it sees."""
        for raw in raws:
            self.begin(raw, waiting, writes=False)
            raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if len(raws) > 1:
            (snapshot,) = raws[0].execute("SELECT pg_export_snapshot()").fetchone()
            for raw in raws[1:]:
                raw.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")

    def commit(self, raw: Any, waiting: Iterator[None]) -> None:
        raw.commit()

    def wait_turn(self, raw: Any, schema: str | None, table: str) -> None:
        raw.execute(_TURN, (schema, table))

    def run_script(self, raw: Any, script: str) -> None:
        raw.execute(script)
        if not raw.info.transaction_status:
            raise TerminalError("the SQL ended the transaction of the load: leave out its COMMIT or ROLLBACK")

    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        rows = raw.execute(_COLUMNS, (self.quote(schema, table),)).fetchall()
        return [
            replace(_column(name, declared, kind), nullable=nullable, has_default=has_default, labels=labels or ())
            for name, declared, kind, nullable, has_default, labels in rows
        ]

    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        return [frozenset(names) for (names,) in raw.execute(_UNIQUE, (self.quote(schema, table),)).fetchall()]

    def upsert_at_once(self, raw: Any, schema: str | None, table: str) -> AtOnce:
        return merge(raw, self.quote(schema, table)) or AtOnce(self.forms.upsert[0])

    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        return [name for (name,) in raw.execute(_TABLES, (schema,)).fetchall()]

    def sql_type(self, kind: pa.DataType) -> str:
        if isinstance(kind, pa.Decimal128Type | pa.Decimal256Type):
            return f"numeric({kind.precision},{kind.scale})"
        if pa.types.is_timestamp(kind):
            return "timestamp with time zone" if getattr(kind, "tz", None) else "timestamp without time zone"
        return made_for(kind, _MADE_FOR, "PostgreSQL")

    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        return copy_in(raw, table, ", ".join(self.quote(column.name) for column in columns), columns, batches)

    def way_in(self, raw: Any, columns: Sequence[Column]) -> str:
        odd = ", ".join(f"{column.name} ({column.sql_type})" for column in without_binary(columns))
        return f"COPY as CSV, because of {odd}" if odd else "binary COPY"

    @contextmanager
    def read(self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int) -> Iterator[pa.RecordBatchReader]:
        copyable = _copyable(self, raw, query, parameters)
        if not copyable.kinds:
            yield copyable.schema.empty_table().to_reader()
            return
        with copy_out(raw, copyable.selected, copyable.schema, rows) as reader:
            yield reader

    def passage(self, raw: Any, query: str, parameters: Mapping[str, Any], translating: Translating) -> Passage | None:
        return CopyPassage(raw, partial(_copyable, self, raw, query, parameters), translating)

    def append_passage(
        self, raw: Any, table: str, columns: Sequence[Column], passage: Passage, sample: list[dict[str, Any]]
    ) -> int | None:
        kinds = passage.kinds(self.name)
        if kinds is None or not all(map(takes, kinds, columns)):
            return None
        names = ", ".join(self.quote(column.name) for column in columns)
        with passage.open(self.name, sample) as pieces:
            return copy_bytes_in(raw, f"{table} ({names})", "binary", pieces)


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
        is_binary,
        "bytea",
    ),
    (pa.types.is_nested, "jsonb"),
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind), "text"),
)


def _column(name: str, declared: str, kind: str) -> Column:
    """A column by its declared type, and the type that this is where it is a domain."""
    limited, fraction = _LIMITED.fullmatch(kind), _FRACTION.match(kind)
    return Column(
        name,
        _arrow_type(kind),
        declared,
        max_length=int(limited[1]) if limited else None,
        never="\0",
        max_bytes=_NAME_BYTES if kind == "name" else None,
        pattern=pattern(kind),
        fraction=int(fraction[1]) if fraction else None,
        is_array=kind.endswith("[]"),
    )


def _arrow_type(kind: str) -> pa.DataType:
    """The Arrow type that holds every value of a PostgreSQL type exactly; text where Arrow has none."""
    if (numeric := _NUMERIC.fullmatch(kind)) and int(numeric[1]) <= _ARROW_DIGITS:
        return pa.decimal128(int(numeric[1]), int(numeric[2]))
    plain: pa.DataType = _PLAIN.get(re.sub(r"\(\d\)", "", kind), pa.string())
    return plain


def _copyable(database: Database, raw: Any, query: str, parameters: Mapping[str, Any]) -> Copyable:
    """The query with its parameters' values in it, as COPY takes none, and what the server says of its columns."""
    import psycopg

    query = with_values(trimmed(query), parameters, lambda name: psycopg.sql.Literal(parameters[name]).as_string(raw))
    cursor = raw.execute(f"SELECT * FROM (\n{query}\n) AS q LIMIT 0")
    described = cursor.description or ()
    names = [column.name for column in described]
    check_once(names)
    modifiers = [cursor.pgresult.fmod(place) for place in range(len(names))]
    numbers = [column.type_code for column in described]
    kinds = [kind for (kind,) in raw.execute(_TYPES, (numbers, modifiers)).fetchall()]
    schema = pa.schema([(name, _arrow_type(kind)) for name, kind in zip(names, kinds, strict=True)])
    chosen = ", ".join(_selected(database.quote(field.name), field.type) for field in schema)
    rows = f"SELECT * FROM (\n{query}\n) AS q"
    return Copyable(rows, f"SELECT {chosen} FROM (\n{query}\n) AS q", schema, kinds, numbers)


def _selected(name: str, kind: pa.DataType) -> str:
    if kind == TIMESTAMP_TZ:
        return f"({name} AT TIME ZONE 'UTC') AS {name}"
    is_text = pa.types.is_string(kind) or pa.types.is_boolean(kind)
    return f"{name}::text AS {name}" if is_text else name


def _told(error: Exception) -> str:
    """What the server says: its message, detail and, of a COPY, the line and column."""
    diagnosis = getattr(error, "diag", None)
    parts = [
        getattr(diagnosis, name, None) for name in ("message_primary", "message_detail", "message_hint", "context")
    ]
    text = ". ".join(part.rstrip(".") for part in parts if part)
    return text or " ".join(str(error).split())
