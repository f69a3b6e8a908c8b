"""Rows to MySQL: by LOAD DATA where the server allows it and has nothing to complain of, else by strict INSERTs."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.conversion import as_text, as_written
from lumos_dagster.conversion.plain import bytes_of

_BATCHES, _PART_BYTES = 4, 6 << 20
_SAVEPOINT = "lumos_file"
_RAW, _ESCAPED = ["\\", "\t", "\n", "\r", "\0"], ["\\\\", "\\t", "\\n", "\\r", "\\0"]
_STATEMENT_BYTES = 1 << 19
"""Of one INSERT, about: half of the least that servers take, if they are not told otherwise."""


@dataclass(frozen=True)
class Loaded:
    """What the server says of a LOAD DATA."""

    rows: int
    warnings: int

    def holds(self, rows: int) -> bool:
        """Whether so many have arrived as they were.

        The server drops, cuts and clamps what does not fit, and only warns of it, however strict its mode is.
        """
        return self.rows == rows and not self.warnings


def load(cursor: Any, table: str, names: Sequence[str], columns: Sequence[Column], path: str) -> Loaded:
    """Send what is read at a path by LOAD DATA LOCAL."""
    from pymysql.err import Error

    places, made = [], []
    for number, (column, name) in enumerate(zip(columns, names, strict=True)):
        if through := _through(column):
            made.append(f"{name} = {through.format(f'@v{number}')}")
        places.append(f"@v{number}" if through else name)
    statement = (
        f"LOAD DATA LOCAL INFILE {cursor.connection.escape(path)} INTO TABLE {table} CHARACTER SET utf8mb4 "
        f"({', '.join(places)}){' SET ' if made else ''}{', '.join(made)}"
    )
    try:
        cursor.execute(statement)
    except AttributeError as error:
        # When the line is lost, the driver goes on to write to it: https://github.com/PyMySQL/PyMySQL/issues/989
        if isinstance(error.__context__, Error):
            raise error.__context__ from None
        raise
    return Loaded(cursor.rowcount, cursor.warning_count)


def load_file(raw: Any, table: str, names: Sequence[str], columns: Sequence[Column], path: str, rows: int) -> bool:
    """Send a file of so many rows, and remove it; False, with nothing done, where one did not arrive as it was."""
    with raw.cursor() as cursor:
        cursor.execute(f"SAVEPOINT {_SAVEPOINT}")  # in the place of the last one
        loaded = load(cursor, table, names, columns, path)
        Path(path).unlink()
        if loaded.holds(rows):
            return True
        cursor.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
    return False


def inserts(table: str, names: Sequence[str], batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Statements for the rows, each of which strict mode refuses as a whole where one value does not fit."""
    for batch in batches:
        literals = {str(number): _literals(column) for number, column in enumerate(batch.columns)}
        rows = pl.DataFrame(literals).select(row="(" + pl.concat_str(pl.all(), separator=",") + ")")["row"]
        statement = rows.str.len_bytes().cum_sum() // _STATEMENT_BYTES
        for some in pl.DataFrame({"row": rows, "statement": statement}).partition_by("statement", maintain_order=True):
            yield f"INSERT INTO {table} ({', '.join(names)}) VALUES {some['row'].str.join(',').item()}"


def execute(raw: Any, statements: Iterable[str]) -> int:
    """Run them; gives how many rows came of it."""
    with raw.cursor() as cursor:
        return sum(map(cursor.execute, statements))


def _through(column: Column) -> str:
    """What makes the column's value of the file's text, where that is not just the text."""
    if pa.types.is_binary(column.type):
        return "UNHEX({})"
    # The text 0 would be the year 2000, and the bits of a character.
    return "CAST({} AS UNSIGNED)" if column.sql_type.startswith(("bit", "year")) else ""


def grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """A few batches to a statement, each of which has a price of its own; a large one goes alone.

    So does the first, with which the server begins while the next are made ready.
    """
    part: list[pa.RecordBatch] = []
    most = 1
    for batch in batches:
        part += [batch] if batch.num_rows else []
        if len(part) == most or sum(one.nbytes for one in part) >= _PART_BYTES:
            yield part
            part, most = [], _BATCHES
    if part:
        yield part


def file_of(batches: Sequence[pa.RecordBatch], folder: str) -> str:
    """A new file of the folder: the rows as LOAD DATA reads them if nothing else is said.

    That is: tabs, escapes by backslash, \\N for null.
    """
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tsv", delete=False) as file:
        for batch in batches:
            columns = []
            for number, column in enumerate(batch.columns):
                written = as_written(_as_read(column))
                texts = pl.Series(str(number), pl.from_arrow(written))
                columns.append(_escaped(texts) if _is_free(column.type) and _has_marks(written) else texts)
            pl.DataFrame(columns).write_csv(
                file, include_header=False, separator="\t", quote_style="never", null_value="\\N"
            )
    return file.name


def _has_marks(texts: "pa.Array[Any]") -> bool:
    """Whether there may be anything to escape: but for the backslash, all of that lies before the blank."""
    read = bytes_of(texts)
    return bool(read.min(initial=255) < ord(" ") or (read == ord("\\")).any())


def _escaped(texts: pl.Series) -> pl.Series:
    return texts.to_frame("text").select(pl.col("text").str.replace_many(_RAW, _ESCAPED).alias(texts.name)).to_series()


def _is_free(kind: pa.DataType) -> bool:
    """Whether its text may hold anything."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_nested(kind)


def _as_read(column: Any) -> Any:
    """The value as the server reads it: an instant without its zone, which is that of the session, and truth as 1."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8())
    if pa.types.is_timestamp(kind) and kind.tz:
        return column.cast(pa.timestamp("us"))
    return column


def _literals(column: Any) -> pl.Series:
    """Each value as SQL spells it."""
    kind = column.type
    if pa.types.is_floating(kind):  # the shortest text of a large FLOAT is beyond its range
        column = column.cast(pa.float64())
    texts = pl.Series("text", pl.from_arrow(as_text(_as_read(column))))
    text = pl.col("text")
    if pa.types.is_floating(kind):  # without an exponent it would be a decimal number
        literal = pl.when(text.str.contains("e", literal=True)).then(text).otherwise(text + "e0")
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        literal = text
    elif pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        literal = "x'" + text + "'"
    else:
        literal = "'" + text.str.replace_many([*_RAW, "'"], [*_ESCAPED, "\\'"]) + "'"
    return texts.to_frame().select(literal.fill_null("NULL")).to_series()
