"""A value computed from each row: its type, the columns that it reads, and how."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.rows import Rows


@dataclass(frozen=True)
class Formula:
    """`run` gives one value per row that is left, of polars' own type for `type`; null where there is none."""

    type: pa.DataType
    reads: tuple[str, ...]
    run: Callable[[Rows], pl.Series]
    bad: Callable[[Rows], pl.Series] | None = None
    """Marks the rows for which it failed, asked right after `run`; without it, nothing can tell but the nulls."""


def column(name: str, columns: Columns, key: str) -> Formula:
    """The column itself. Raises ConfigError when it is not there."""
    return Formula(columns.type_of(name, key), (name,), lambda rows: rows.series(name))


def reads_of(*parts: Formula) -> tuple[str, ...]:
    """What several formulas read, each column once."""
    return tuple(dict.fromkeys(name for part in parts for name in part.reads))
