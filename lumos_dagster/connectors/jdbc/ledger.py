"""The ledger: a small table in the target, written in the load's own transaction, that tells which loads are done."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.interface import LoadResult

TABLE = "_lumos_loads"


class Ledger:
    """The entry of one load: claimed first, filled in last, both in the transaction that loads the rows.

    Claiming holds a unique key, so a second process of the same load waits here until the first one
    has committed, and then finds it done; an older one cannot commit after a newer one.
    """

    def __init__(self, database: Database, schema: str | None, target: tuple[str, ...], task: Task) -> None:
        self._table = database.quote(schema, TABLE)
        self._key = (task.run.load_id, task.run.job, task.op, " ".join(target))
        self._mark = "?" if database.in_a_file else "%s"

    def prepare(self, raw: Any) -> None:
        """Make the table where there is none; committed by the caller before the load begins."""
        raw.execute(
            f"CREATE TABLE IF NOT EXISTS {self._table} (load_id varchar(64) NOT NULL, job varchar(255) NOT NULL, "
            "op varchar(255) NOT NULL, target varchar(1000) NOT NULL, result text, digest varchar(64), "
            "committed_at timestamp DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (load_id, job, op, target))"
        )

    def claim(self, raw: Any) -> LoadResult | None:
        """None where this transaction now owns the load; else what the load that is done came to."""
        marks = ", ".join([self._mark] * 4)
        claimed = raw.execute(
            f"INSERT INTO {self._table} (load_id, job, op, target) VALUES ({marks}) ON CONFLICT DO NOTHING", self._key
        )
        return None if claimed.rowcount == 1 else self.find(raw)

    def find(self, raw: Any) -> LoadResult | None:
        """What the load came to, None where it was never committed."""
        row = raw.execute(f"SELECT result FROM {self._table} WHERE {self._where()}", self._key).fetchone()
        return LoadResult(**json.loads(row[0])) if row and row[0] else None

    def record(self, raw: Any, result: LoadResult, options: str) -> None:
        """Fill in what the load came to."""
        digest = hashlib.sha256(options.encode()).hexdigest()[:16]
        raw.execute(
            f"UPDATE {self._table} SET result = {self._mark}, digest = {self._mark} WHERE {self._where()}",
            (json.dumps(asdict(result)), digest, *self._key),
        )

    def _where(self) -> str:
        return " AND ".join(f"{name} = {self._mark}" for name in ("load_id", "job", "op", "target"))
