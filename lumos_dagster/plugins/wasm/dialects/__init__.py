"""The ABIs that a guest may speak, each turned into the same few calls."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from lumos_dagster.plugins.guest import Description, Kind

Rows: TypeAlias = bytes | str | Sequence[Any] | pa.Table
"""Rows as a guest gives them: a JSON array, what was read of one, or Arrow batches."""


class Dialect(Protocol):
    """How the host talks to guests of one ABI. Each method raises what the guest reports, or PluginError."""

    batch_rows: int
    """How many rows a call is given at most."""

    def start(self) -> None:
        """Instantiate the guest."""

    def describe(self) -> Description:
        """What it says of itself."""

    def open(self, kind: Kind, options: str) -> None:
        """Begin an extraction, transformation or load."""

    def next(self) -> Rows | None:
        """More rows of an extraction; None where there are no more."""

    def apply(self, rows: pa.RecordBatch) -> Rows:
        """What it makes of some rows."""

    def write(self, rows: pa.RecordBatch) -> int:
        """How many of some rows it has taken."""

    def commit(self) -> None:
        """All rows were given: make the load count."""

    def abort(self) -> None:
        """The load has failed elsewhere: leave nothing behind."""

    def close(self) -> None:
        """The extraction or transformation is over."""
