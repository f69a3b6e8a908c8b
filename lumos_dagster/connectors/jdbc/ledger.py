"""The ledger: a small table in the target, written in the load's own transaction, that tells which loads are done."""

import hashlib
from typing import Any

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.done import Done
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.errors import TerminalError

TABLE = "_lumos_loads"
_WIDTHS = {"load_id": 64, "job": 255, "op": 255, "target": 1000}


class Ledger:
    """The entry of one load: claimed first, filled in last, both in the transaction that loads the rows.

    Claiming holds a unique key, so a second process of the same load waits here until the first one
    has committed, and then finds it done; an older one cannot commit after a newer one.
    """

    def __init__(self, table: Table, task: Task) -> None:
        database = self._database = table.database
        self._schema = table.schema
        self._name = database.quote(table.schema, TABLE)
        # A statement with values takes a % in a name for a value's place, where that is how they are spelled.
        self._table = self._name.replace("%", "%%") if "%" in database.mark else self._name
        # The table alone: its database is the one that the ledger lies in, by whatever host or port it is reached.
        key = (task.run.load_id, task.run.job, task.op, table.quoted)
        self._key = tuple(_within(text, width) for text, width in zip(key, _WIDTHS.values(), strict=True))

    def is_there(self, raw: Any) -> bool:
        """Whether the table exists: making it needs rights that using it does not."""
        return bool(self._database.columns(raw, self._schema, TABLE))

    def make(self, raw: Any) -> None:
        """Make the table; committed by the caller before the load begins."""
        columns = ", ".join(f"{name} varchar({width}) NOT NULL" for name, width in _WIDTHS.items())
        raw.execute(
            f"CREATE TABLE {self._name} ({columns}, result text, digest varchar(64), "
            f"committed_at timestamp DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY ({', '.join(_WIDTHS)}))"
        )

    def cannot_be_made(self, error: Exception) -> TerminalError:
        """The error of a user who may not make it."""
        return TerminalError(
            f"the table {self._name}, which keeps loads from being repeated, cannot be made: {error}. "
            "Have it made by somebody who may create tables there: run one load as that user, then grant SELECT, "
            "INSERT and UPDATE on it"
        )

    def claim(self, raw: Any) -> Done | None:
        """None where this transaction now owns the load; else what the load that is done came to."""
        marks = ", ".join([self._database.mark] * len(self._key))
        claimed = raw.execute(
            f"INSERT INTO {self._table} ({', '.join(_WIDTHS)}) VALUES ({marks}) ON CONFLICT DO NOTHING", self._key
        )
        return None if claimed.rowcount == 1 else self.find(raw)

    def find(self, raw: Any) -> Done | None:
        """What the load came to, None where it was never committed."""
        row = raw.execute(f"SELECT result FROM {self._table} WHERE {self._where()}", self._key).fetchone()
        return Done.from_json(row[0]) if row and row[0] else None

    def record(self, raw: Any, done: Done, options: str) -> None:
        """Fill in what the load came to."""
        mark = self._database.mark
        digest = hashlib.sha256(options.encode()).hexdigest()[:16]
        raw.execute(
            f"UPDATE {self._table} SET result = {mark}, digest = {mark} WHERE {self._where()}",
            (done.to_json(), digest, *self._key),
        )

    def _where(self) -> str:
        return " AND ".join(f"{name} = {self._database.mark}" for name in _WIDTHS)


def _within(text: str, width: int) -> str:
    """The text, or as much of it as fits with a digest of the whole behind it."""
    return text if len(text) <= width else f"{text[: width - 17]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
