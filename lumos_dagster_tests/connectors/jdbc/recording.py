"""A connection to Oracle that keeps what it is told and plays back canned answers: no server was to be had."""

import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pyarrow as pa


class Told:
    """The driver's own description of an error."""

    def __init__(self, full_code: str, text: str) -> None:
        self.full_code, self._text = full_code, text

    def __str__(self) -> str:
        return f"{self.full_code}: {self._text}\nHelp: https://docs.oracle.com/error-help/db/"


@dataclass
class Recorder:
    """A connection that keeps what it is told."""

    answers: list[tuple[str, Any]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    bound: list[pa.Table] = field(default_factory=list)

    def cursor(self) -> "RecordingCursor":
        return RecordingCursor(self)

    def commit(self) -> None:
        self.heard.append("COMMIT")

    def rollback(self) -> None:
        self.heard.append("ROLLBACK")

    def close(self) -> None:
        self.heard.append("CLOSE")


class RecordingCursor:
    """One statement of it."""

    arraysize = prefetchrows = 0

    def __init__(self, connection: Recorder) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.rowcount, self.description = 0, None

    def __enter__(self) -> "RecordingCursor":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def var(self, _: type) -> Any:
        return SimpleNamespace(getvalue=lambda: 0)

    def execute(self, statement: str, values: Any = (), fetch_lobs: bool = True) -> None:
        text = " ".join(statement.split())
        self._connection.heard.append(text)
        marks = len(set(re.findall(r":(\d+)", re.sub(r"'[^']*'", "", text))))
        assert isinstance(values, dict) or marks == len(values), (text, values)
        for pattern, answer in self._connection.answers:
            if re.search(pattern, text):
                found = answer(text) if callable(answer) else answer
                if isinstance(found, Exception):
                    raise found
                if isinstance(found, int):
                    self.rowcount = found
                elif isinstance(found, SimpleNamespace):
                    self.description = found.columns
                else:
                    self._rows = list(found)
                return

    def executemany(self, statement: str, rows: pa.Table) -> None:
        self.execute(statement, [None] * rows.num_columns)
        self._connection.bound.append(rows)
        self.rowcount = rows.num_rows

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        found, self._rows = self._rows, []
        return found

    def fetchmany(self, size: int) -> list[Any]:
        found, self._rows = self._rows[:size], self._rows[size:]
        return found
