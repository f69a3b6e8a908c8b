"""A way past the batches: rows in the very bytes that their source sends, for a target that takes the same bytes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

SAMPLE_ROWS = 10
"""How many of the loaded rows the catalogue shows."""


class Passage(ABC):
    """What an extractor offers beside its batches, for where nothing between it and a loader changes the rows.

    A loader that takes it reads no batch, and accounts for the rows by `Task.passed`. One that began and could not go
    on may still read the batches.
    """

    rows: int = 0
    """How many were taken so far; once the last of them was, how many the source says that it has sent."""
    size: int = 0
    """Their bytes."""

    @abstractmethod
    def kinds(self, form: str) -> Sequence[str] | None:
        """The columns' types as the source declares them; None where not all of them can be had in that form.

        A form is the name of a database, for the bytes that it copies from one table to another; `csv`: UTF-8, with
        commas and double quotes, each value just as our own loader writes it, without a header; or `tsv`: UTF-8, with
        tabs, a backslash before what must be escaped, and \\N for null.
        """

    @abstractmethod
    def open(self, form: str, sample: list[dict[str, Any]]) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes, in pieces of bounded size; the first few rows are added to `sample`.

        Where the block is left early, the rows can still be read as batches.
        """

    def parser(self, form: str) -> Callable[[bytes, pa.Schema], pa.Table] | None:
        """What makes rows, in these columns, of a piece in that form; None where nothing does, so that pieces must not
        be kept for later. It must be picklable, and raises DataError where a value has no place in its column.
        """
        return None
