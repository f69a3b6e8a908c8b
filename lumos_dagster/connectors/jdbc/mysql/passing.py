"""Rows that LOAD DATA takes just as PostgreSQL's COPY has spelled them."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.connectors.jdbc.mysql.sending import load
from lumos_dagster.passage import Passage

_INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64}
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_VARYING = re.compile(r"character varying\((\d+)\)")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_NOT_ESCAPED_HERE = {b"f": b"\f", b"v": b"\v"}
"""What LOAD DATA would take for the letter."""


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
    """Load what a passage gives by one statement; None, with nothing done, where a row does not arrive as it was."""
    kinds = passage.kinds("tsv")
    if kinds is None or not all(map(takes, kinds, columns)):
        return None
    with raw.cursor() as cursor:
        cursor.execute("SAVEPOINT lumos_passage")
        with passage.open("tsv", sample) as pieces:
            with _readable(pieces) as (place, written):
                loaded = load(cursor, table, names, columns, place)
            rows = written.result()
        if loaded.holds(rows):
            return rows
        cursor.execute("ROLLBACK TO SAVEPOINT lumos_passage")
    return None


@contextmanager
def _readable(pieces: Iterator[bytes]) -> Iterator[tuple[str, Future[int]]]:
    """A path where the pieces can be read once, while they come; and how many rows that was, or what ended them.

    Whoever does not read to the end ends the writing with the block.
    """
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(_write, pieces, writing)
        try:
            yield f"/dev/fd/{reading}", written
        finally:
            os.close(reading)


def _write(pieces: Iterator[bytes], pipe: int) -> int:
    rows = 0
    with suppress(BrokenPipeError), open(pipe, "wb") as file:  # what broke off the reading is told there
        for piece in pieces:
            file.write(_as_read(piece))
            rows += piece.count(b"\n")
    return rows


def _as_read(piece: bytes) -> bytes:
    if b"\\f" not in piece and b"\\v" not in piece:
        return piece
    return _ESCAPED.sub(lambda found: _NOT_ESCAPED_HERE.get(found[1], found[0]), piece)
