"""Rows on their way into a table of SQLite: a few by value, many in a file of their own that SQLite takes over.

Arrow's driver binds whole columns several times as fast as Python's own driver does their values. But it brings a
second SQLite into the process, and two of them do not see each other's locks on a file, which is a way to corrupt it
(https://www.sqlite.org/howtocorrupt.html, "Multiple copies of SQLite linked into the same application"). So it never
opens the user's file: it fills another one and closes it, and then SQLite takes the rows over from there, in the open
transaction, by a statement like any other.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.forms import Forms
from lumos_dagster.conversion import as_text
from lumos_dagster.errors import TerminalError
from lumos_dagster.files import temporary_file

_quote = Forms().quote
_CARRIER, _ROWS = "_lumos_carrier", "_lumos_rows"
_SETTINGS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "page_size = 65536")
"""Nobody else sees the file of a carrier, and it is thrown away where anything goes wrong."""


def send(raw: Any, table: str, names: Sequence[str], batches: Iterator[pa.RecordBatch]) -> int:
    """Put batches into columns of a table (quoted name); gives the rows that arrived.

    More than one batch goes by a carrier, of which a transaction has one: it is let go of only when that has ended.
    """
    columns = [_quote(name) for name in names]
    first = list(islice(batches, 2))
    if len(first) > 1 and _has_no_carrier(raw):
        return _carried(raw, table, columns, chain(first, batches))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    arrived = 0
    for batch in chain(first, batches):
        values = [column.to_pylist() for column in _bindable(batch).columns]
        arrived += raw.executemany(statement, zip(*values, strict=True)).rowcount
    return arrived


def _has_no_carrier(raw: Any) -> bool:
    """Let go of that of an earlier transaction."""
    from sqlite3 import OperationalError

    if not any(name == _CARRIER for _, name, _ in raw.execute("PRAGMA database_list")):
        return True
    try:
        raw.execute(f"DETACH {_CARRIER}")
    except OperationalError:  # locked: it is that of this transaction
        return False
    return True


def _carried(raw: Any, table: str, columns: Sequence[str], batches: Iterator[pa.RecordBatch]) -> int:
    chosen = ", ".join(columns)
    rows = map(_bindable, batches)
    first = next(rows)
    kinds = map(_declared, _affinities(raw, table, chosen), first.schema.types)
    definitions = [f"{column} {kind}" for column, kind in zip(columns, kinds, strict=True)]
    (encoding,) = raw.execute("PRAGMA encoding").fetchone()
    with temporary_file("lumos-rows.db") as file:
        _fill(file, [*_SETTINGS, f"encoding = '{encoding}'"], definitions, chain([first], rows))
        raw.execute(f"ATTACH ? AS {_CARRIER}", (str(file),))
    # The file is open and has no name any more, so that it goes with the process, however that ends.
    # Without names, and with all columns, SQLite copies whole rows where the two tables are alike.
    everything = raw.execute(f"SELECT * FROM {table} LIMIT 0").description
    into = table if columns == [_quote(name) for name, *_ in everything] else f"{table} ({chosen})"
    return int(raw.execute(f"INSERT INTO {into} SELECT * FROM {_CARRIER}.{_ROWS}").rowcount)


def _affinities(raw: Any, table: str, chosen: str) -> list[str]:
    """INT, REAL, NUM, TEXT or "" for each column, as SQLite itself declares the columns of a table like this one."""
    raw.execute(f"CREATE TEMP TABLE {_ROWS} AS SELECT {chosen} FROM {table} LIMIT 0")
    found = [kind for (kind,) in raw.execute(f"SELECT type FROM pragma_table_info('{_ROWS}', 'temp')")]
    raw.execute(f"DROP TABLE temp.{_ROWS}")
    return found


def _declared(affinity: str, kind: pa.DataType) -> str:
    """How the carrier declares a column: as the table does.

    Nothing is declared where that would make texts of numbers or numbers of texts, which versions of SQLite spell and
    read in their own ways.
    """
    is_text = pa.types.is_string(kind)
    return affinity if pa.types.is_binary(kind) or is_text == (affinity == "TEXT") else ""


def _fill(file: Path, settings: Sequence[str], columns: Sequence[str], batches: Iterator[pa.RecordBatch]) -> None:
    """Make a file with a table of the rows; only while this runs is it open in the other SQLite."""
    import adbc_driver_manager
    import adbc_driver_sqlite

    try:
        with (
            closing(adbc_driver_sqlite.connect(file.as_uri())) as database,
            closing(adbc_driver_manager.AdbcConnection(database)) as connection,
            closing(adbc_driver_manager.AdbcStatement(connection)) as statement,
        ):
            made = (f"CREATE TABLE {_ROWS} ({', '.join(columns)})", "BEGIN")
            for text in (*(f"PRAGMA {setting}" for setting in settings), *made):
                _run(statement, text)
            statement.set_sql_query(f"INSERT INTO {_ROWS} VALUES ({', '.join('?' * len(columns))})")
            statement.prepare()
            for batch in batches:
                statement.bind(batch)
                statement.execute_update()
            _run(statement, "COMMIT")
    except adbc_driver_manager.Error as error:
        raise TerminalError(
            f"the rows cannot be kept in {tempfile.gettempdir()!r} on their way: {error}. If its disk is full, "
            "set TMPDIR to a folder that has room for all of them"
        ) from None


def _run(statement: Any, text: str) -> None:
    statement.set_sql_query(text)
    statement.execute_update()


def _bindable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The values as SQLite stores them: numbers, text and bytes."""
    return pa.RecordBatch.from_arrays([_stored(column) for column in batch.columns], batch.schema.names)


def _stored(column: "pa.Array[Any]") -> "pa.Array[Any]":
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8())
    is_plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_binary, pa.types.is_string)
    return column if any(is_one(kind) for is_one in is_plain) else as_text(column)
