"""What ops and assets written in Python give and take as rows."""

from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from lumos_dagster.errors import ConfigError
from lumos_dagster.relation import Relation

Rows = Relation | pa.Table | pd.DataFrame
"""What an op or asset may give and take: a Relation, a pyarrow.Table or a pandas.DataFrame."""

ROWS_TYPE = dg.DagsterType(
    type_check_fn=lambda _, value: isinstance(value, Rows),
    name="Rows",
    typing_type=Rows,
    description="A Relation, a pyarrow.Table or a pandas.DataFrame.",
)


def as_relation(rows: Any) -> Relation:
    """The rows as a Relation. Raises ConfigError for anything else."""
    if isinstance(rows, Relation):
        return rows
    if isinstance(rows, pa.Table | pd.DataFrame):
        return Relation.of(rows)
    raise ConfigError(f"cannot store a {type(rows).__name__}; give a pandas.DataFrame, a pyarrow.Table or a Relation")
