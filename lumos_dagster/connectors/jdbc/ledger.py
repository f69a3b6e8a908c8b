"""The ledger: a small table in the target, written in the load's own transaction, that tells which loads are done."""

import hashlib
import secrets
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.done import Done
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.errors import TerminalError

TABLE = "_lumos_loads"
_KEY_WIDTH = 64
_ABOUT = {"load_id": 64, "job": 255, "op": 255, "target": 1000}
"""Whose load it is, for those who read the table; the key is made from all of them."""
_TAKEN_OVER = "another process has taken this load over; what this one had not committed is dropped"


class Ledger:
    """The entry of one load: claimed first, filled in with each commit, in the transaction of the rows themselves.

    Each claim counts the entry's epoch up, and holds its row until the transaction ends: a second process of the
    same load waits until the first one has committed, and then finds what is done; the first one finds its epoch
    gone and commits nothing more. It is counted up by a number drawn by lot, so that two claims of which the first
    was rolled back do not have the same.
    """

    def __init__(self, table: Table, task: Task) -> None:
        self._database = table.database
        self._schema = table.schema
        self._name = table.database.quote(table.schema, TABLE)
        # A statement with values takes a % in a name for a value's place, where that is how they are spelled.
        self._table = self._name.replace("%", "%%") if "%" in table.database.forms.mark else self._name
        # The table alone: its database is the one that the ledger lies in, by whatever host or port it is reached.
        about = (task.run.load_id, task.run.job, task.op, table.quoted)
        self.key = hashlib.sha256("\0".join(about).encode()).hexdigest()
        self._about = [_within(text, width) for text, width in zip(about, _ABOUT.values(), strict=True)]
        self._epoch = 0
        self._befores = {0}  # as it stood before each of our claims; exactly these, since others draw theirs too
        self._ends = False

    def is_there(self, raw: Any) -> bool:
        """Whether the table exists: making it needs rights that using it does not."""
        return bool(self._database.columns(raw, self._schema, TABLE))

    def make(self, raw: Any) -> None:
        """Make the table; committed by the caller before the load begins."""
        database = self._database
        columns = [f"load_key {database.text_type(_KEY_WIDTH)} NOT NULL"]
        columns += [f"{name} {database.text_type(width)}" for name, width in _ABOUT.items()]
        columns += [
            f"epoch {database.sql_type(pa.int64())}",
            f"result {database.sql_type(pa.string())}",
            f"digest {database.text_type(_KEY_WIDTH)}",
            f"committed_at {database.sql_type(pa.timestamp('us'))}",
            database.forms.primary_key.format(key="load_key"),
        ]
        database.execute(raw, database.forms.create_table.format(table=self._name, columns=", ".join(columns)))

    def cannot_be_made(self, error: Exception) -> TerminalError:
        """The error of a user who may not make it."""
        return TerminalError(
            f"the table {self._name}, which keeps loads from being repeated, cannot be made: {error}. "
            "Have it made by somebody who may create tables there: run one load as that user, then grant SELECT, "
            "INSERT and UPDATE on it"
        )

    def claim(self, raw: Any) -> Done | None:
        """Own the load until the transaction ends; gives how far it has come, None where nothing was committed."""
        forms = self._database.forms
        columns = ["load_key", *_ABOUT, "epoch"]
        *values, key_again = forms.marks(len(columns) + 1)
        insert = forms.insert_once.format(
            table=self._table, columns=", ".join(columns), values=", ".join(values), key=key_again
        )
        given = [self.key, *self._about, 0]
        self._run(raw, insert, [*given, self.key] if "{key}" in forms.insert_once else given)
        step, key = forms.marks(2)
        drawn = secrets.randbelow(1 << 32) + 1
        self._run(raw, f"UPDATE {self._table} SET epoch = epoch + {step} WHERE load_key = {key}", [drawn, self.key])
        epoch, result = self._read(raw) or (0, None)
        self._epoch = int(epoch)
        self._befores.add(self._epoch - drawn)
        return Done.from_json(result) if result else None

    def has_ended(self, raw: Any) -> bool:
        """Whether the last commit, of which no answer came, ended the load. TerminalError where another process did."""
        epoch, result = self._read(raw) or (0, None)
        ended = result is not None and Done.from_json(result).upto is None
        is_ours, is_old = int(epoch) == self._epoch, int(epoch) in self._befores
        if not (is_ours or is_old) or (ended and not self._ends):
            raise TerminalError(_TAKEN_OVER)
        return ended

    def record(self, raw: Any, done: Done, options: str) -> None:
        """Fill in what the load has come to. TerminalError where another process has taken the load over."""
        digest = hashlib.sha256(options.encode()).hexdigest()[:16]
        result, kept, key, epoch = self._database.forms.marks(4)
        changed = self._run(
            raw,
            f"UPDATE {self._table} SET result = {result}, digest = {kept}, committed_at = CURRENT_TIMESTAMP "
            f"WHERE load_key = {key} AND epoch = {epoch}",
            [done.to_json(), digest, self.key, self._epoch],
        )
        if changed.rowcount != 1:
            raise TerminalError(_TAKEN_OVER)
        self._ends = done.upto is None

    def _read(self, raw: Any) -> Any:
        mark = self._database.forms.marks(1)[0]
        return self._run(raw, f"SELECT epoch, result FROM {self._table} WHERE load_key = {mark}", [self.key]).fetchone()

    def _run(self, raw: Any, statement: str, values: list[Any]) -> Any:
        return self._database.execute(raw, statement, values)


def _within(text: str, width: int) -> str:
    """The text, or as much of it as fits with a digest of the whole behind it."""
    return text if len(text) <= width else f"{text[: width - 17]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
