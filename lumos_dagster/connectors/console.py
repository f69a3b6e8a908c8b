"""Prints rows as a table."""

import sys
from typing import Annotated

import pyarrow as pa
from pydantic import Field
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lumos_dagster.conversion import as_text
from lumos_dagster.interface import Loader, LoadResult, Task

_WIDEST_COLUMN = 40


class ConsoleLoader(Loader):
    """Prints the first rows, and how many there are."""

    limit: Annotated[int, Field(ge=0)] = 20
    """How many rows to print; all are read and counted."""

    def target(self) -> tuple[str, ...]:
        """The console."""
        return ("console",)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Read all rows, then print."""
        count = 0
        shown: list[pa.RecordBatch] = []
        for batch in rows:
            if count < self.limit:
                shown.append(batch.slice(0, self.limit - count))
            count += batch.num_rows
            task.accept(batch)
        task.cancellation.check()
        self._print(rows.schema, shown, count)
        return LoadResult(inserted=count)

    def _print(self, schema: pa.Schema, shown: list[pa.RecordBatch], count: int) -> None:
        table = Table(title_justify="left")
        for field in schema:
            table.add_column(_plain(field.name), no_wrap=True, max_width=_WIDEST_COLUMN)
        for batch in shown:
            columns = [as_text(column).to_pylist() for column in batch.columns]
            for row in zip(*columns, strict=True):
                table.add_row(*(_plain(value) for value in row))
        console = Console(file=sys.stdout)
        if not console.is_terminal:  # a log has room for what a screen has not
            console.width = max(80, (_WIDEST_COLUMN + 3) * len(schema) + 1)
        if schema.names:
            console.print(table)
        printed = sum(batch.num_rows for batch in shown)
        console.print(f"{count} rows" if printed == count else f"{printed} of {count} rows", highlight=False)


def _plain(value: str | None) -> Text:
    """The value on one line, whatever marks or control characters are in it."""
    if value is None:
        return Text("null", style="dim")
    return Text("".join(char if char.isprintable() else repr(char)[1:-1] for char in value[: _WIDEST_COLUMN + 1]))
