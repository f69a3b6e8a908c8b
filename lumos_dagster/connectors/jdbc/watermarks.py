"""Watermarks beside the target: one row per job, extractor and table, changed in the transaction of the load."""

import hashlib
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.errors import DataError, TerminalError
from lumos_dagster.watermarks import Watermark, Window

TABLE = "_lumos_watermarks"
_KEY_WIDTH = 64
_VALUE_WIDTH = 1000
_TEXTS = {"job": 255, "op": 255, "target": 1000, "value": _VALUE_WIDTH, "kind": 255, "load_id": 64}


class Watermarks:
    """How far the loads of a table have come. To load everything again, delete the extractor's row."""

    def __init__(self, table: Table, task: Task) -> None:
        self._table = table
        self._database = table.database
        self._task = task
        self._name = table.database.quote(table.schema, TABLE)
        self._in_statements = self._name.replace("%", "%%") if "%" in table.database.forms.mark else self._name

    def is_there(self, raw: Any) -> bool:
        """Whether the table exists: making it needs rights that using it does not."""
        return bool(self._database.columns(raw, self._table.schema, TABLE))

    def make(self, raw: Any) -> None:
        """Make the table; committed by the caller before the load begins."""
        database = self._database
        columns = [f"mark_key {database.text_type(_KEY_WIDTH)} NOT NULL"]
        columns += [f"{name} {database.text_type(width)}" for name, width in _TEXTS.items()]
        columns.append(f"updated_at {database.sql_type(pa.timestamp('us'))}")
        columns.append(database.forms.primary_key.format(key="mark_key"))
        database.execute(raw, f"CREATE TABLE {self._name} ({', '.join(columns)})")

    def cannot_be_made(self, error: Exception) -> TerminalError:
        """The error of a user who may not make it."""
        return TerminalError(
            f"the table {self._name}, which keeps how far incremental reads have come, cannot be made: {error}. "
            "Have it made by somebody who may create tables there: run one load as that user, then grant SELECT, "
            "INSERT and UPDATE on it"
        )

    def find(self, raw: Any, op: str) -> Watermark | None:
        """What the last load kept for the extractor. TerminalError where the rows that it stands for are gone."""
        if not self.is_there(raw):
            return None
        (mark,) = self._database.forms.marks(1)
        query = f"SELECT value, kind FROM {self._in_statements} WHERE mark_key = {mark}"
        row = self._database.execute(raw, query, [self._key(op)]).fetchone()
        if not row or row[0] is None:
            return None
        if not self._table.columns(raw):
            raise TerminalError(
                f"{op} was loaded into {self._table.quoted} up to {row[0]}, but that table is gone. To load everything "
                f"again: DELETE FROM {self._name} WHERE job = '{self._task.run.job}' AND op = '{op}'"
            )
        return Watermark(row[0], row[1])

    def keep(self, raw: Any) -> None:
        """Set the watermarks of this load. TerminalError where another load has moved one since it was read."""
        for op, window in self._task.windows.items():
            if window.until is not None:
                self._move(raw, op, window, window.until)

    def _move(self, raw: Any, op: str, window: Window, until: Watermark) -> None:
        if len(until.value) > _VALUE_WIDTH:
            raise DataError(f"{op}: a watermark of more than {_VALUE_WIDTH} characters cannot be kept")
        forms, key = self._database.forms, self._key(op)
        about = {"mark_key": key, "job": self._task.run.job, "op": op, "target": self._table.quoted}
        *values, key_again = forms.marks(len(about) + 1)
        insert = forms.insert_once.format(
            table=self._in_statements, columns=", ".join(about), values=", ".join(values), key=key_again
        )
        given = [text[: _TEXTS.get(name, _KEY_WIDTH)] for name, text in about.items()]
        self._database.execute(raw, insert, [*given, key] if "{key}" in forms.insert_once else given)
        value, kind, load, where, after = forms.marks(5)
        unmoved = f"value = {after}" if window.after else "value IS NULL"
        moved = self._database.execute(
            raw,
            f"UPDATE {self._in_statements} SET value = {value}, kind = {kind}, load_id = {load}, "
            f"updated_at = CURRENT_TIMESTAMP WHERE mark_key = {where} AND {unmoved}",
            [until.value, until.kind, self._task.run.load_id, key, *([window.after.value] if window.after else [])],
        )
        if moved.rowcount != 1:
            raise TerminalError(
                f"another run has loaded rows of {op} into {self._table.quoted} since this one began, so these would "
                "be there twice; nothing was committed. Start a new run"
            )
        self._task.log(f"{self._task.op}: watermark of {op}: {until.value}")

    def _key(self, op: str) -> str:
        return hashlib.sha256("\0".join((self._task.run.job, op, self._table.quoted)).encode()).hexdigest()
