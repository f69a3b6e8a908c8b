"""Modes that meet rows already there: the input is staged in a temporary table, then merged by set statements."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.connectors.jdbc.fitting import Fit
from lumos_dagster.connectors.jdbc.tables import Table, staging_columns
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import LoadResult

STAGING = "_lumos_staging"
POSITION = "_lumos_position"


class Staging:
    """The input in a temporary table of the target's column types; the last row of each key counts."""

    def __init__(self, raw: Any, table: Table, fits: Sequence[Fit]) -> None:
        self._raw = raw
        self._table = table
        quote = table.database.quote
        self._names = [fit.column.name for fit in fits]
        self._columns: list[Column] = staging_columns(fits, POSITION)
        definitions = ", ".join(f"{quote(column.name)} {column.sql_type}" for column in self._columns)
        raw.execute(f"CREATE TEMPORARY TABLE {STAGING} ({definitions})")
        self._all = ", ".join(quote(name) for name in self._names)
        self._key = ", ".join(quote(name) for name in table.key)
        self._last = (
            f"SELECT {self._all}, {POSITION} FROM (SELECT *, row_number() OVER (PARTITION BY {self._key} "
            f"ORDER BY {POSITION} DESC) AS _lumos_nth FROM {STAGING}) AS ranked WHERE _lumos_nth = 1"
        )
        self._same_key = " AND ".join(f"target.{quote(name)} = staged.{quote(name)}" for name in table.key)

    def fill(self, batches: Iterator[pa.RecordBatch]) -> int:
        """Take the input; gives how many rows arrived."""
        return self._table.database.append(self._raw, STAGING, self._columns, _positioned(batches))

    def upsert(self) -> LoadResult:
        """Update rows whose key is there, insert the others. TerminalError where nothing holds the key unique."""
        keys = self._table.database.unique_keys(self._raw, self._table.schema, self._table.name)
        if frozenset(self._table.key) not in keys:
            raise TerminalError(
                f"upsert into {self._table.quoted} needs a primary key or unique index on exactly "
                f"({', '.join(self._table.key)}), or two runs at once could double rows; add one, or set key_column"
            )
        staged, distinct, there = self._counts()
        changes = self._changes("excluded")
        action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
        self._raw.execute(
            f"INSERT INTO {self._table.quoted} ({self._all}) SELECT {self._all} FROM ({self._last}) AS staged "
            f"WHERE true ORDER BY {POSITION} ON CONFLICT ({self._key}) {action}"
        )
        known = {"updated": there} if changes else {"unchanged": there}
        return LoadResult(inserted=distinct - there, merged=staged - distinct, **known)

    def update(self) -> LoadResult:
        """Update rows whose key is there; the others met no row."""
        staged, distinct, there = self._counts()
        if changes := self._changes("staged"):
            self._raw.execute(
                f"UPDATE {self._table.quoted} AS target SET {changes} FROM ({self._last}) AS staged "
                f"WHERE {self._same_key}"
            )
        return LoadResult(updated=there, unmatched=distinct - there, merged=staged - distinct)

    def delete_insert(self) -> LoadResult:
        """Delete every row whose key the input has, then insert all of the input."""
        staged, _, _ = self._counts()
        self._raw.execute(
            f"DELETE FROM {self._table.quoted} AS target WHERE EXISTS "
            f"(SELECT 1 FROM {STAGING} AS staged WHERE {self._same_key})"
        )
        self._raw.execute(
            f"INSERT INTO {self._table.quoted} ({self._all}) SELECT {self._all} FROM {STAGING} ORDER BY {POSITION}"
        )
        return LoadResult(inserted=staged)

    def drop(self) -> None:
        """Remove it, so that the connection could stage again."""
        self._raw.execute(f"DROP TABLE {STAGING}")

    def _changes(self, source: str) -> str:
        quote = self._table.database.quote
        rest = [name for name in self._names if name not in self._table.key]
        return ", ".join(f"{quote(name)} = {source}.{quote(name)}" for name in rest)

    def _counts(self) -> tuple[int, int, int]:
        """Rows staged, different keys among them, and how many of those keys the target has."""
        (staged,) = self._raw.execute(f"SELECT count(*) FROM {STAGING}").fetchone()
        distinct_keys = f"(SELECT DISTINCT {self._key} FROM {STAGING})"
        (distinct,) = self._raw.execute(f"SELECT count(*) FROM {distinct_keys} AS staged").fetchone()
        (there,) = self._raw.execute(
            f"SELECT count(*) FROM {distinct_keys} AS staged WHERE EXISTS "
            f"(SELECT 1 FROM {self._table.quoted} AS target WHERE {self._same_key})"
        ).fetchone()
        return staged, distinct, there


def _positioned(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    seen = 0
    for batch in batches:
        positions = pa.array(range(seen, seen + batch.num_rows), pa.int64())
        seen += batch.num_rows
        yield batch.append_column(POSITION, positions)
