"""Reading SQL Server: the server describes the query first, and gives as text what the driver would round."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.fetching import fetched
from lumos_dagster.connectors.jdbc.query import check_once, trimmed, with_values
from lumos_dagster.connectors.jdbc.sqlserver.types import arrow_type
from lumos_dagster.errors import DataError, TerminalError

_DESCRIBE = """
    SELECT name, system_type_name FROM sys.dm_exec_describe_first_result_set(%s, %s, 0)
    WHERE is_hidden = 0 ORDER BY column_ordinal"""
_WRONG = (
    "SELECT error_number, error_message FROM sys.dm_exec_describe_first_result_set(%s, %s, 0) WHERE error_number > 0"
)
_REMEDY = "microseconds are kept: cast it in the query to datetime2(6), time(6) or datetimeoffset(6)"
_TEXTS = {"time": 16, "datetime2": 27, "datetimeoffset": 34}
"""Types with a tenth of a microsecond, and how long the server writes them."""
_ODD = ("geography", "geometry", "hierarchyid", "sql_variant")
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "bit"), (int, "bigint"), (float, "float"), (str, "nvarchar(max)"), (date, "date"), (time, "time(6)"),
)  # fmt: skip


@contextmanager
def read(raw: Any, query: str, parameters: Mapping[str, Any], rows: int, quote: Any) -> Iterator[pa.RecordBatchReader]:
    """The query's rows, in the exact types of its columns."""
    query = with_values(trimmed(query), parameters, lambda name: f"@{name}")
    declared = ", ".join(f"@{name} {_kind(name, value)}" for name, value in parameters.items())
    cursor = raw.cursor()
    described = _described(cursor, query, declared)
    sets = ", ".join(f"{quote(name)} {_given_as(kind)} NULL" for name, kind in described).replace("%", "%%")
    given = "".join(f", @{name} = %s" for name in parameters)
    before = ", %s" if declared else ""
    values = [query, *([declared] if declared else []), *parameters.values()]
    cursor.execute(f"EXEC sys.sp_executesql %s{before}{given} WITH RESULT SETS (({sets}))", values)
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in described])
    yield pa.RecordBatchReader.from_batches(schema, fetched(cursor, schema, rows, _REMEDY, _spelled))


def _described(cursor: Any, query: str, declared: str) -> list[tuple[str, str]]:
    cursor.execute(_WRONG, [query, declared])
    if wrong := cursor.fetchone():
        raise TerminalError(f"the query cannot be run: {wrong[1]} ({wrong[0]})")
    cursor.execute(_DESCRIBE, [query, declared])
    found = [(name or "", kind or "") for name, kind in cursor.fetchall()]
    names = [name for name, _ in found]
    if not all(names):
        raise DataError(f"column {names.index('') + 1} of the query has no name; name it by AS")
    check_once(names)
    if odd := [name for name, kind in found if not kind or kind in _ODD]:
        raise DataError(f"column {', '.join(map(repr, odd))} has a type that only SQL Server knows; cast it to a text")
    return found


def _kind(name: str, value: object) -> str:
    if isinstance(value, datetime):
        return "datetimeoffset(6)" if value.tzinfo else "datetime2(6)"
    if isinstance(value, Decimal):
        return f"decimal(38,{max(0, -int(value.as_tuple().exponent))})"
    for kind, declared in _KINDS:
        if isinstance(value, kind):
            return declared
    if value is None:
        return "nvarchar(max)"
    raise TerminalError(f"parameters: {name!r} must be a text, a number, a moment, true, false or null")


def _given_as(kind: str) -> str:
    base = kind.partition("(")[0]
    if base == "uniqueidentifier":
        return "char(36)"
    if base in ("timestamp", "rowversion"):
        return "binary(8)"
    return f"varchar({_TEXTS[base]})" if base in _TEXTS else kind


def _spelled(text: str) -> str:
    """Without the space that the server writes before a zone: 2026-01-02 03:04:05.1234567 +08:00."""
    return text.replace(" +", "+").replace(" -", "-")
