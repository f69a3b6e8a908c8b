"""Reading Oracle: numbers and moments come as texts that the server writes, and none of their digits is lost."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.fetching import fetched
from lumos_dagster.connectors.jdbc.oracle.types import TIMESTAMP_TZ, number_type
from lumos_dagster.connectors.jdbc.query import trimmed, with_values
from lumos_dagster.errors import DataError

_REMEDY = "cast it in the query, such as CAST(x AS TIMESTAMP(6)), or select it as text by TO_CHAR"
_MOMENT = 'SYYYY-MM-DD"T"HH24:MI:SS'
_TEXTS = ("VARCHAR", "NVARCHAR", "CHAR", "NCHAR", "CLOB", "NCLOB", "LONG")
_PLAIN: dict[str, tuple[pa.DataType, str]] = {
    "DB_TYPE_BINARY_FLOAT": (pa.float32(), "{}"), "DB_TYPE_BINARY_DOUBLE": (pa.float64(), "{}"),
    "DB_TYPE_RAW": (pa.binary(), "{}"), "DB_TYPE_LONG_RAW": (pa.binary(), "{}"), "DB_TYPE_BLOB": (pa.binary(), "{}"),
    "DB_TYPE_BOOLEAN": (pa.bool_(), "{}"),
    "DB_TYPE_DATE": (pa.timestamp("us"), f"TO_CHAR({{}}, '{_MOMENT}')"),
    "DB_TYPE_TIMESTAMP": (pa.timestamp("us"), f"TO_CHAR({{}}, '{_MOMENT}.FF9')"),
    "DB_TYPE_TIMESTAMP_TZ": (TIMESTAMP_TZ, f"TO_CHAR(SYS_EXTRACT_UTC({{}}), '{_MOMENT}.FF9\"Z\"')"),
    "DB_TYPE_TIMESTAMP_LTZ": (TIMESTAMP_TZ, f"TO_CHAR(SYS_EXTRACT_UTC({{}}), '{_MOMENT}.FF9\"Z\"')"),
    "DB_TYPE_INTERVAL_DS": (pa.string(), "TO_CHAR({})"), "DB_TYPE_INTERVAL_YM": (pa.string(), "TO_CHAR({})"),
    "DB_TYPE_ROWID": (pa.string(), "ROWIDTOCHAR({})"),
    "DB_TYPE_JSON": (pa.string(), "JSON_SERIALIZE({} RETURNING CLOB)"),
    "DB_TYPE_XMLTYPE": (pa.string(), "XMLSERIALIZE(CONTENT {} AS CLOB)"),
    **{f"DB_TYPE_{kind}": (pa.string(), "{}") for kind in _TEXTS},
}  # fmt: skip


@contextmanager
def read(
    raw: Any, query: str, parameters: Mapping[str, Any], rows: int, named: Callable[[str], str]
) -> Iterator[pa.RecordBatchReader]:
    """The query's rows; `named` gives a column's name as it is known outside."""
    query = with_values(trimmed(query), parameters, lambda name: f":{name}")
    cursor = raw.cursor()
    cursor.arraysize, cursor.prefetchrows = rows, rows
    cursor.execute(f"SELECT * FROM (\n{query}\n) q WHERE 1 = 0", dict(parameters))
    fields, chosen = [], []
    for name, kind, _, _, precision, scale, _ in cursor.description:
        type_, form = _read_as(name, kind.name, precision, scale)
        quoted = '"{}"'.format(name.replace('"', '""'))
        fields.append(pa.field(named(name), type_))
        chosen.append(f"{form.format(f'q.{quoted}')} {quoted}")
    cursor.execute(f"SELECT {', '.join(chosen)} FROM (\n{query}\n) q", dict(parameters), fetch_lobs=False)
    schema = pa.schema(fields)
    yield pa.RecordBatchReader.from_batches(schema, fetched(cursor, schema, rows, _REMEDY, str.strip))


def _read_as(name: str, kind: str, precision: int | None, scale: int | None) -> tuple[pa.DataType, str]:
    if kind == "DB_TYPE_NUMBER":
        is_bounded = bool(precision) and scale is not None and scale > -84
        return (number_type(precision, scale) if is_bounded else pa.string()), "TO_CHAR({}, 'TM9')"
    if kind not in _PLAIN:
        raise DataError(f"column {name!r} has a type that only Oracle knows ({kind}); cast it to a text in the query")
    return _PLAIN[kind]
