"""PostgreSQL's COPY straight on: its binary form from table to table, its text forms into files."""

import io
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.copying import BINARY_END, BINARY_HEADER, copied, parsed
from lumos_dagster.connectors.jdbc.database import Column, Translating
from lumos_dagster.errors import DataError
from lumos_dagster.passage import SAMPLE_ROWS, Passage

_SAME_EVERYWHERE = re.compile(
    r"boolean|smallint|integer|bigint|real|double precision|numeric(?:\(\d+,-?\d+\))?|date|bytea|uuid|jsonb?|interval"
    r"|text|character(?: varying)?(?:\(\d+\))?|time(?:stamp)?(?:\(\d\))? with(?:out)? time zone"
)
"""Types whose binary form needs nothing of the database that they come from, as an enum or a domain does."""
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_FORMATS = {"postgresql": "binary", "csv": "csv", "tsv": "text"}
_PIECE_ROWS = 10_000
_TEXTS = re.compile(r"text|character varying(?:\(\d+\))?")


def takes(kind: str, column: Column) -> bool:
    """Whether each value of a declared type has its place in the column, by the same bytes."""
    same = kind == column.sql_type or (column.sql_type == "text" and bool(_TEXTS.fullmatch(kind)))
    return same and bool(_SAME_EVERYWHERE.fullmatch(kind))


@dataclass(frozen=True)
class Copyable:
    """A query; and `selected`, the same with each value in the spelling that batches are made of.

    `kinds` are the columns' declared types, `numbers` those types' numbers on this server.
    """

    query: str
    selected: str
    schema: pa.Schema
    kinds: Sequence[str]
    numbers: Sequence[int]


class CopyPassage(Passage):
    """The rows of a query, which is described once a loader asks what it could take.

    `translating` is a block in which the driver's errors become ours, naming the source.
    """

    def __init__(self, raw: Any, describe: Callable[[], Copyable], translating: Translating) -> None:
        self._raw = raw
        self._describe = describe
        self._translating = translating

    @cached_property
    def _copyable(self) -> Copyable:
        with self._translating():
            return self._describe()

    def kinds(self, form: str) -> Sequence[str] | None:
        """As declared. Of a CSV file, only what is spelled there as we do: no moments, floats or bytes."""
        if form not in _FORMATS or (form == "csv" and not all(map(_is_spelled_alike, self._copyable.schema.types))):
            return None
        return self._copyable.kinds or None

    def parser(self, form: str) -> Callable[[bytes, pa.Schema], pa.Table] | None:
        """Of CSV."""
        return parsed if form == "csv" else None

    @contextmanager
    def open(self, form: str, sample: list[dict[str, Any]]) -> Iterator[Iterator[bytes]]:
        """COPY, within a savepoint."""
        with self._translating():
            self._raw.execute("SAVEPOINT lumos_passage")
        with ExitStack() as left_early:
            left_early.callback(self._go_back)
            with closing(self._pieces(form, sample)) as pieces:
                yield pieces
            left_early.pop_all()
        with self._translating():
            self._raw.rollback()  # what was read is no longer locked when a loader goes on to swap tables

    def _go_back(self) -> None:
        import psycopg

        self.rows = self.size = 0
        with suppress(psycopg.Error):  # a dead connection must not hide why the block ended
            self._raw.execute("ROLLBACK TO SAVEPOINT lumos_passage")

    def _pieces(self, form: str, sample: list[dict[str, Any]]) -> Generator[bytes, None, None]:
        query = self._copyable.query if form == "postgresql" else self._copyable.selected
        blocks = copied(self._raw, f"COPY ({query}) TO STDOUT (FORMAT {_FORMATS[form]})", _PIECE_ROWS)
        piece = b""
        with self._translating(), closing(blocks):
            while True:
                try:
                    piece, rows = next(blocks)
                except StopIteration as end:
                    self.rows = end.value
                    break
                if not self.rows:
                    sample += self._first_rows(form, piece)
                self.rows += rows
                self.size += len(piece)
                yield piece
        if form == "postgresql" and not piece.endswith(BINARY_END):
            raise DataError("the rows did not come to their end; nothing was committed")

    def _first_rows(self, form: str, piece: bytes) -> list[dict[str, Any]]:
        """To be shown; none where one of them holds what Python has no value for, as infinite dates are."""
        import psycopg

        source = self._copyable
        with suppress(psycopg.Error, DataError):
            if form == "tsv":
                lines = piece.decode().removesuffix("\n").split("\n", SAMPLE_ROWS)[:SAMPLE_ROWS]
                return [dict(zip(source.schema.names, _unescaped(line), strict=True)) for line in lines]
            if form == "csv":
                return parsed(piece, source.schema).slice(0, SAMPLE_ROWS).to_pylist()
            rows = _rows_of_binary(piece, source.numbers, self._raw)
            return [dict(zip(source.schema.names, row, strict=True)) for row in rows]
        return []


def _rows_of_binary(piece: bytes, numbers: Sequence[int], raw: Any) -> Iterator[Sequence[Any]]:
    """The first rows of a binary COPY. Source: https://www.postgresql.org/docs/current/sql-copy.html, File Formats."""
    from psycopg.adapt import Transformer
    from psycopg.pq import Format
    from psycopg.types.json import set_json_loads

    def number(size: int) -> int:
        return int.from_bytes(stream.read(size), "big", signed=True)

    set_json_loads(_as_text, raw)
    values = Transformer(raw)
    values.set_loader_types(numbers, Format.BINARY)
    stream = io.BytesIO(piece)
    stream.seek(len(BINARY_HEADER))
    for _ in range(SAMPLE_ROWS):
        columns = number(2)
        if columns < 0:
            return
        sizes = (number(4) for _ in range(columns))
        yield values.load_sequence([None if size < 0 else stream.read(size) for size in sizes])


def _unescaped(line: str) -> list[str | None]:
    """The values of a line of COPY's text form, as texts."""
    values = (None if value == "\\N" else value for value in line.split("\t"))
    return [value and _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), value) for value in values]


def _is_spelled_alike(kind: pa.DataType) -> bool:
    types = pa.types
    alike = (types.is_boolean, types.is_integer, types.is_decimal, types.is_string, types.is_date)
    return any(is_one(kind) for is_one in alike)


def _as_text(json: str | bytes) -> str:
    return json if isinstance(json, str) else json.decode()
