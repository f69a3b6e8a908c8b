"""Modes that meet rows already there: the input is staged in a temporary table, then merged by set statements."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.connectors.jdbc.fitting import Fit
from lumos_dagster.connectors.jdbc.options import Mode
from lumos_dagster.connectors.jdbc.tables import Table, staging_columns
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import LoadResult

STAGING = "_lumos_staging"
POSITION = "_lumos_position"
_READ_ROWS = 65_536

KEYED: tuple[Mode, ...] = ("update", "upsert", "delete_insert")


class Staging:
    """The input in a temporary table of the target's column types; the last row of each key counts."""

    def __init__(self, raw: Any, table: Table, fits: Sequence[Fit]) -> None:
        self._raw = raw
        self._table = table
        quote = table.database.quote
        self._names = [fit.column.name for fit in fits]
        self.columns: list[Column] = staging_columns(fits, POSITION)
        definitions = ", ".join(f"{quote(column.name)} {column.sql_type}" for column in self.columns)
        raw.execute(f"CREATE TEMPORARY TABLE {STAGING} ({definitions})")
        self._all = ", ".join(quote(name) for name in self._names)
        self._key = ", ".join(quote(name) for name in table.key)
        self._ranked = (
            f"(SELECT *, row_number() OVER (PARTITION BY {self._key} ORDER BY {POSITION} DESC) AS _lumos_nth "
            f"FROM {STAGING}) AS staged"
        )
        self._last = f"(SELECT {self._all}, {POSITION} FROM {self._ranked} WHERE _lumos_nth = 1) AS staged"
        self._same_key = " AND ".join(f"target.{quote(name)} = staged.{quote(name)}" for name in table.key)
        self._is_there = f"EXISTS (SELECT 1 FROM {table.quoted} AS target WHERE {self._same_key})"
        self._insert = f"INSERT INTO {table.quoted} ({self._all}) {table.database.overriding} SELECT {self._all}"

    def merge(self, mode: Mode) -> LoadResult:
        """Bring the staged rows into the target."""
        ways: dict[Mode, Callable[[], LoadResult]] = {
            "update": self._update,
            "upsert": self._upsert,
            "delete_insert": self._delete_insert,
        }
        return ways[mode]()

    def lost(self, mode: Mode) -> "pa.Array[Any]":
        """The numbers, in order, of the rows that another row of the same key or the lack of a target took out."""
        if mode == "delete_insert":
            return pa.array([], pa.int64())
        unmatched = f" OR NOT {self._is_there}" if mode == "update" else ""
        query = f"SELECT {POSITION} FROM {self._ranked} WHERE _lumos_nth > 1{unmatched} ORDER BY 1"
        with self._table.database.read(self._raw, query, {}, _READ_ROWS) as numbers:
            found = [batch.column(0).to_numpy() for batch in numbers]
        return pa.array(np.concatenate(found) if found else [], pa.int64())

    def drop(self) -> None:
        """Remove it, so that the connection could stage again."""
        self._raw.execute(f"DROP TABLE {STAGING}")

    def _upsert(self) -> LoadResult:
        """Update rows whose key is there, insert the others. TerminalError where nothing holds the key unique."""
        staged, distinct, there = self._counts()
        changes = self._changes("excluded")
        action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
        self._raw.execute(
            f"{self._insert} FROM {self._last} WHERE true ORDER BY {POSITION} ON CONFLICT ({self._key}) {action}"
        )
        known = {"updated": there} if changes else {"unchanged": there}
        return LoadResult(inserted=distinct - there, merged=staged - distinct, **known)

    def _update(self) -> LoadResult:
        """Update rows whose key is there; the others met no row."""
        staged, distinct, there = self._counts()
        if changes := self._changes("staged"):
            self._raw.execute(
                f"UPDATE {self._table.quoted} AS target SET {changes} FROM {self._last} WHERE {self._same_key}"
            )
        known = {"updated": there} if changes else {"unchanged": there}
        return LoadResult(unmatched=distinct - there, merged=staged - distinct, **known)

    def _delete_insert(self) -> LoadResult:
        """Delete every row whose key the input has, then insert all of the input."""
        self._raw.execute(
            f"DELETE FROM {self._table.quoted} AS target WHERE EXISTS "
            f"(SELECT 1 FROM {STAGING} AS staged WHERE {self._same_key})"
        )
        self._raw.execute(f"{self._insert} FROM {STAGING} ORDER BY {POSITION}")
        return LoadResult(inserted=self._count(STAGING))

    def _changes(self, source: str) -> str:
        quote = self._table.database.quote
        rest = [name for name in self._names if name not in self._table.key]
        return ", ".join(f"{quote(name)} = {source}.{quote(name)}" for name in rest)

    def _counts(self) -> tuple[int, int, int]:
        """Rows staged, different keys among them, and how many of those keys the target has."""
        keys = f"(SELECT DISTINCT {self._key} FROM {STAGING}) AS staged"
        return self._count(STAGING), self._count(keys), self._count(f"{keys} WHERE {self._is_there}")

    def _count(self, rows: str) -> int:
        (found,) = self._raw.execute(f"SELECT count(*) FROM {rows}").fetchone()
        return int(found)


def check_unique(raw: Any, table: Table) -> None:
    """Raise TerminalError where nothing holds the key of an upsert unique."""
    keys = table.database.unique_keys(raw, table.schema, table.name)
    if frozenset(table.key) not in keys:
        there = "; it has " + ", ".join(f"({', '.join(sorted(key))})" for key in keys) if any(keys) else ""
        raise TerminalError(
            f"upsert into {table.quoted} needs a primary key or unique index on exactly ({', '.join(table.key)}), "
            f"or two runs at once could double rows; add one, or set key_column{there}"
        )
