"""Rows that LOAD DATA takes just as PostgreSQL's COPY has spelled them."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from lumos_dagster.ahead import ahead
from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.connectors.jdbc.mysql.sending import load_file
from lumos_dagster.passage import Passage

_INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64}
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_VARYING = re.compile(r"character varying\((\d+)\)")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_NOT_ESCAPED_HERE = {b"f": b"\f", b"v": b"\v"}
"""What LOAD DATA would take for the letter."""
_FILE_BYTES = 8 << 20


class _RefusedError(Exception):
    """The server has complained of some row."""


def takes(kind: str, column: Column) -> bool:
    """Whether each value of a type of PostgreSQL's has its place in the column, spelled as COPY spells it."""
    types, into, declared = pa.types, column.type, column.sql_type
    if "unsigned" in declared:
        return False
    if kind in _INTEGERS:
        wide_enough = types.is_signed_integer(into) and into.bit_width >= _INTEGERS[kind]
        return wide_enough and not declared.startswith("mediumint")
    if numeric := _NUMERIC.fullmatch(kind):
        digits, scale = int(numeric[1]), int(numeric[2])
        return types.is_decimal(into) and into.scale >= scale and into.precision - into.scale >= digits - scale
    if (varying := _VARYING.fullmatch(kind)) and declared.startswith("varchar"):
        return (column.max_length or 0) >= int(varying[1])
    if varying or kind == "text":
        return declared == "longtext"
    return kind == declared == "date"


def append_passage(
    raw: Any,
    table: str,
    names: Sequence[str],
    columns: Sequence[Column],
    passage: Passage,
    sample: list[dict[str, Any]],
) -> int | None:
    """Load the files that a passage fills; None, with nothing done, where one does not arrive as it was."""
    kinds = passage.kinds("tsv")
    if kinds is None or not all(map(takes, kinds, columns)):
        return None
    arrived = 0
    with raw.cursor() as cursor:
        cursor.execute("SAVEPOINT lumos_passage")
        try:
            with passage.open("tsv", sample) as pieces, ahead(_files(pieces)) as files:
                for file, rows in files:
                    if not load_file(raw, table, names, columns, file, rows):
                        raise _RefusedError
                    arrived += rows
        except _RefusedError:
            cursor.execute("ROLLBACK TO SAVEPOINT lumos_passage")
            return None
    return arrived


def _files(pieces: Iterator[bytes]) -> Iterator[tuple[Any, int]]:
    """Files of several pieces, and how many rows each holds; each goes when it is closed."""
    file, rows = None, 0
    for piece in pieces:
        file = file or tempfile.NamedTemporaryFile(prefix="lumos-", suffix=".tsv")  # noqa: SIM115
        file.write(_as_read(piece))
        rows += piece.count(b"\n")
        if file.tell() >= _FILE_BYTES:
            file.flush()
            yield file, rows
            file, rows = None, 0
    if file:
        file.flush()
        yield file, rows


def _as_read(piece: bytes) -> bytes:
    if b"\\f" not in piece and b"\\v" not in piece:
        return piece
    return _ESCAPED.sub(lambda found: _NOT_ESCAPED_HERE.get(found[1], found[0]), piece)
