"""A connection that opens its file where its transaction begins, and lets one writer at a time at it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from lumos_dagster.errors import TransientError

_HELD = re.compile(r"Could not set lock|different configuration|Unique file handle conflict")
_TURNS: dict[str, Any] = {}
"""One writer at a time also within a process, by the path of the file: the database would end the second one."""


@dataclass
class Connection:
    """One connection; others may hold its file until it begins."""

    path: str
    options: Mapping[str, Any]
    opened: Any = field(default=None, repr=False)
    _turn: Any = None

    def begin(self, waiting: Iterator[None], writes: bool) -> None:
        """Open the file and the transaction, in its turn."""
        turn = _TURNS.setdefault(self.path, Lock())
        for _ in waiting:
            if writes and self._turn is None:
                if not turn.acquire(blocking=False):
                    continue
                self._turn = turn
            if self.opened is None:
                self.opened = _opened(self, writes)
            if self.opened is not None:
                self.opened.execute("SET TimeZone = 'UTC'").fetchall()
                self.opened.begin()
                return
            self._end_turn()
        raise TransientError("the database file is held by somebody else")

    def commit(self) -> None:
        """Keep what was done."""
        self.opened.commit()
        self._end_turn()

    def rollback(self) -> None:
        """Take back what was not committed."""
        import duckdb

        if self.opened is not None:
            with suppress(duckdb.TransactionException):  # none is open
                self.opened.rollback()
        self._end_turn()

    def close(self) -> None:
        """Let go of the file."""
        if self.opened is not None:
            self.opened.close()
        self._end_turn()

    def run(self, statement: str, values: Sequence[object] = ()) -> "Answer":
        """Run it to its end: a connection with half an answer takes no other statement."""
        done = self.opened.execute(statement, list(values) or None)
        return Answer(done.fetchall(), done.rowcount)

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.release()
            self._turn = None


@dataclass
class Answer:
    """All rows of a statement, or how many it has changed."""

    rows: list[tuple[Any, ...]]
    rowcount: int

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row."""
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All of them."""
        return self.rows


def is_held(error: Exception) -> bool:
    """Whether an error says that somebody else has the file."""
    return bool(_HELD.search(str(error)))


def _opened(raw: Connection, writes: bool) -> Any:
    """The driver's own; None as long as somebody else holds the file."""
    import duckdb

    for read_only in (False,) if writes else (True, False):  # a reader beside a writer of its own process
        try:
            return duckdb.connect(raw.path, read_only=read_only, config=dict(raw.options))
        except duckdb.Error as error:
            if not is_held(error):
                raise
    return None
