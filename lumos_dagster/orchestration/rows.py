"""What ops and assets written in Python give and take as rows."""

from typing import Any

import dagster as dg
import pyarrow as pa

from lumos_dagster.errors import ConfigError
from lumos_dagster.relation import Relation


def _are_rows(_: dg.TypeCheckContext, value: object) -> bool:
    import pandas as pd

    return isinstance(value, Relation | pa.Table | pd.DataFrame)


ROWS_TYPE = dg.DagsterType(
    type_check_fn=_are_rows, name="Rows", description="A Relation, a pyarrow.Table or a pandas.DataFrame."
)
"""What an op may give and take."""


def as_relation(rows: Any) -> Relation:
    """The rows as a Relation. Raises ConfigError for anything else."""
    if isinstance(rows, Relation):
        return rows
    import pandas as pd

    if isinstance(rows, pa.Table | pd.DataFrame):
        return Relation.of(rows)
    raise ConfigError(f"cannot store a {type(rows).__name__}; give a pandas.DataFrame, a pyarrow.Table or a Relation")
