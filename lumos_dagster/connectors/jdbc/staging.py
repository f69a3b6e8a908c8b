"""Modes that meet rows already there: the input is staged in a temporary table, then merged by set statements."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import AtOnce, Column
from lumos_dagster.connectors.jdbc.fitting import Fit
from lumos_dagster.connectors.jdbc.options import Mode
from lumos_dagster.connectors.jdbc.savepoint import savepoint
from lumos_dagster.connectors.jdbc.tables import Table, staging_columns
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import LoadResult

POSITION = "_lumos_position"
_READ_ROWS = 65_536
_TRIED_ROWS = 8192
"""Brought in together when rows are looked for that the target refuses."""
_LEFT_OUT_ROWS = 500
"""Named in one statement."""

KEYED: tuple[Mode, ...] = ("update", "upsert", "delete_insert")

Range = tuple[int, int]
"""The first and the last position of some of the rows."""


class Staging:
    """The input in a temporary table of the target's column types; the last row of each key counts."""

    def __init__(self, raw: Any, table: Table, fits: Sequence[Fit], mode: Mode) -> None:
        self._raw = raw
        self._table = table
        self._mode = mode
        self._database = table.database
        self._forms = table.database.forms
        self._names = [fit.column.name for fit in fits]
        self._gives_numbers = any(fit.column.is_identity for fit in fits) and mode != "update"
        self.name = self._forms.staging
        self.rows = 0
        """How many it holds, as whoever fills it tells."""
        self.columns: list[Column] = staging_columns(fits, POSITION, self._database.sql_type(pa.int64()))
        quote = self._database.quote
        definitions = ", ".join(
            f"{quote(column.name)} {column.sql_type} {column.collation}".rstrip() for column in self.columns
        )
        self._run(self._forms.make_staging.format(staging=self.name, columns=definitions, position=quote(POSITION)))
        self._all = ", ".join(map(quote, self._names))
        self._key = ", ".join(map(quote, table.key))
        self._same_key = " AND ".join(f"{table.quoted}.{quote(name)} = staged.{quote(name)}" for name in table.key)
        self._has_twins = True
        """Whether keys come more than once, as far as was counted: to rank the rows of each key takes its time."""
        self._is_there = f"EXISTS (SELECT 1 FROM {table.quoted} WHERE {self._same_key})"
        self._ranked = (
            f"(SELECT s.*, row_number() OVER (PARTITION BY {self._key} ORDER BY {quote(POSITION)} DESC) lumos_nth "
            f"FROM {self.name} s) staged"
        )

    def merge(self) -> LoadResult:
        """Bring the staged rows into the target. The driver's error where the target refuses one of them."""
        if self._mode == "delete_insert":
            self._delete_old()
            self._bring()
            return LoadResult(inserted=self.rows)
        has_changes = bool(self._changes("{column}"))
        if self._mode == "upsert" and has_changes:
            at_once = self._database.upsert_at_once(self._raw, self._table.schema, self._table.name)
            if at_once and (merged := self._merged_at_once(at_once)):
                return merged
        distinct, there = self._counts()
        self._has_twins = self.rows != distinct
        self._bring()
        known = {"updated": there} if has_changes else {"unchanged": there}
        if self._mode == "update":
            return LoadResult(unmatched=distinct - there, merged=self.rows - distinct, **known)
        return LoadResult(inserted=distinct - there, merged=self.rows - distinct, **known)

    def _merged_at_once(self, at_once: AtOnce) -> LoadResult | None:
        """What an upsert comes to where no key comes twice; None, with nothing done, where it was refused.

        Mostly none does, and to count the different keys takes its time. Another reason to refuse it is a writer who
        has just inserted one of the keys: the other forms go on from there.
        """
        self._has_twins = False
        counted = at_once.inserted
        before = counted() if counted else self._count(f"{self.name} staged WHERE NOT {self._is_there}")
        with savepoint(self._database, self._raw) as tried:
            self._insert((at_once.form,), f"{self.name} staged")
        if tried.refusal:
            return None
        inserted = counted() - before if counted else before
        return LoadResult(inserted=inserted, updated=self.rows - inserted)

    def merge_without_refused(self, most: float) -> tuple[LoadResult, dict[int, str]]:
        """Bring in what the target takes; the others are left out, by position, with the reason.

        Where more than `most` of them are found, no others are looked for, and nothing is brought in.
        """
        refused: dict[int, str] = {}
        while True:
            with savepoint(self._database, self._raw) as tried:
                result = self.merge()
            if not tried.refusal:
                return result, refused
            if not refused and self._forms.index_staging:
                quoted = self._database.quote(POSITION)
                self._run(self._forms.index_staging.format(staging=self.name, position=quoted))
            found = self._refused(most - len(refused))
            if not found:  # each row alone is taken, so it is not theirs
                raise tried.refusal
            refused |= found
            if len(refused) > most:
                return LoadResult(), refused
            self._leave_out(list(found))
            self.rows -= len(found)

    def lost(self) -> "pa.Array[Any]":
        """The numbers, in order, of the rows that another row of the same key or the lack of a target took out."""
        if self._mode == "delete_insert":
            return pa.array([], pa.int64())
        position = self._database.quote(POSITION)
        unmatched = f" OR NOT {self._is_there}" if self._mode == "update" else ""
        query = f"SELECT {position} FROM {self._ranked} WHERE lumos_nth > 1{unmatched} ORDER BY 1"
        with self._database.read(self._raw, query, {}, _READ_ROWS) as numbers:
            found = [batch.column(0).to_numpy() for batch in numbers]
        return pa.array(np.concatenate(found).astype("int64") if found else [], pa.int64())

    def drop(self) -> None:
        """Remove it, so that the connection could stage again."""
        self._run(self._forms.drop_staging.format(staging=self.name))

    def _delete_old(self) -> None:
        if self._mode == "delete_insert":
            self._run(self._form(self._forms.delete, f"(SELECT DISTINCT {self._key} FROM {self.name}) staged"))

    def _bring(self, within: Range | None = None) -> None:
        """Update or insert the rows, or those at some positions."""
        position = self._database.quote(POSITION)
        some = f"{position} BETWEEN {within[0]} AND {within[1]}" if within else "1 = 1"
        if self._mode == "delete_insert":
            rows = f"(SELECT {self._all}, {position} FROM {self.name} WHERE {some}) staged"
            self._insert((self._forms.insert,), rows)
            return
        last = f"{self._ranked} WHERE lumos_nth = 1" if self._has_twins else f"{self.name} WHERE 1 = 1"
        rows = f"(SELECT {self._all}, {position} FROM {last} AND {some}) staged"
        has_changes = bool(self._changes("{column}"))
        if self._mode == "update":
            statements: Sequence[str] = (self._forms.update,) if has_changes else ()
        else:
            statements = self._forms.upsert if has_changes else self._forms.insert_missing
        self._insert(statements, rows)

    def _insert(self, statements: Sequence[str], rows: str) -> None:
        """Run them; with what they need where rows bring numbers that the database would give."""
        before, behind = self._forms.numbers_given, self._forms.numbers_made
        if self._gives_numbers and before:
            statements = (before, *statements, behind)
        for statement in statements:
            self._run(self._form(statement, rows))

    def _refused(self, most: float) -> dict[int, str]:
        """Halve what the target refuses until the rows are found that are to blame, or one more than `most` of them;
        nothing of it stays.
        """
        first, last = self._run(
            f"SELECT min({self._database.quote(POSITION)}), max({self._database.quote(POSITION)}) FROM {self.name}"
        ).fetchone()
        refused: dict[int, str] = {}
        with savepoint(self._database, self._raw, stays=False):
            self._delete_old()
            self._leave_out(self.lost().to_numpy())  # else each of the following would rank all rows anew
            self._has_twins = False
            waiting = [(low, low + _TRIED_ROWS - 1) for low in range(int(first), int(last) + 1, _TRIED_ROWS)][::-1]
            while waiting and len(refused) <= most:
                low, high = waiting.pop()
                with savepoint(self._database, self._raw) as tried:
                    self._bring((low, high))
                if tried.refusal and low == high:
                    refused[low] = str(tried.refusal)
                elif tried.refusal:
                    middle = (low + high) // 2
                    waiting += [(middle + 1, high), (low, middle)]
        return refused

    def _leave_out(self, numbers: "Sequence[int] | np.ndarray[Any, Any]") -> None:
        for start in range(0, len(numbers), _LEFT_OUT_ROWS):
            some = ", ".join(map(str, numbers[start : start + _LEFT_OUT_ROWS]))
            self._run(f"DELETE FROM {self.name} WHERE {self._database.quote(POSITION)} IN ({some})")

    def _form(self, form: str, rows: str) -> str:
        return form.format(
            target=self._table.quoted,
            columns=self._all,
            values=", ".join(f"staged.{self._database.quote(name)}" for name in self._names),
            staged=rows,
            same_key=self._same_key,
            key=self._key,
            changes=self._changes(self._forms.change),
            excluded_changes=self._changes("{column} = excluded.{column}"),
            in_order=""
            if self._forms.stays_in_order and not self._has_twins
            else f"ORDER BY {self._database.quote(POSITION)}",
            overriding=self._forms.overriding,
        )

    def _changes(self, form: str) -> str:
        quote = self._database.quote
        rest = [name for name in self._names if name not in self._table.key]
        return ", ".join(form.format(column=quote(name), target=self._table.quoted) for name in rest)

    def _counts(self) -> tuple[int, int]:
        """How many different keys are staged, and how many of those the target has."""
        keys = f"(SELECT DISTINCT {self._key} FROM {self.name}) staged"
        distinct = self._count(keys)
        each_once = f"{self.name} staged" if self.rows == distinct else keys
        return distinct, self._count(f"{each_once} WHERE {self._is_there}")

    def _count(self, rows: str) -> int:
        (found,) = self._run(f"SELECT count(*) FROM {rows}").fetchone()
        return int(found)

    def _run(self, statement: str) -> Any:
        return self._database.execute(self._raw, statement)


def check_unique(raw: Any, table: Table) -> None:
    """Raise TerminalError where nothing holds the key of an upsert unique."""
    keys = table.database.unique_keys(raw, table.schema, table.name)
    if frozenset(table.key) not in keys:
        there = "; it has " + ", ".join(f"({', '.join(sorted(key))})" for key in keys) if any(keys) else ""
        raise TerminalError(
            f"upsert into {table.quoted} needs a primary key or unique index on exactly ({', '.join(table.key)}), "
            f"or two runs at once could double rows; add one, or set key_column{there}"
        )
