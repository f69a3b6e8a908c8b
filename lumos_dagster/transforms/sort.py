"""The `sort` transformer: rows in the order of columns."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.ordering import Terms, ordering
from lumos_dagster.transforms.queried import Queried, Query


class Sort(Queried):
    """Puts rows in order; rows that are equal by it stay as they came. Text is ordered by its code points."""

    apart: ClassVar[bool] = False
    keeps_columns: ClassVar[bool] = True
    by: Terms = Field(min_length=1)
    """The fields, the weightiest first: `amount`, `amount desc`, `amount desc nulls first`; nulls come last."""

    def query(self, inputs: Mapping[str, Columns]) -> Query:
        """All columns, ordered."""
        (columns,) = inputs.values()
        return Query(f"select * from t0 order by {ordering(self.by, columns, 'by')}", columns.schema)
