"""The `deduplicate` transformer: one row of each key."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import AliasChoices, Field

from lumos_dagster.interface import Texts
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.ordering import Terms, ordering
from lumos_dagster.transforms.queried import Queried, Query


class Deduplicate(Queried):
    """Keeps one row of those with the same key, in the place where it came; the others are counted as merged."""

    apart: ClassVar[bool] = False
    keeps_columns: ClassVar[bool] = True
    keys: Texts = Field((), validation_alias=AliasChoices("keys", "key"))
    """The fields that make rows the same; without any, all of them. Nulls are the same as nulls."""
    keep: Literal["first", "last"] = "first"
    """Which row of a key is kept."""
    order_by: Terms = ()
    """What first and last mean: fields as in `sort`; without any, the order in which the rows come."""

    def query(self, inputs: Mapping[str, Columns]) -> Query:
        """All columns of the rows that are kept."""
        (columns,) = inputs.values()
        names = columns.schema.names
        keys = ", ".join(f"c{columns.place_of(key, 'keys')}" for key in self.keys or names)
        shown = ", ".join(f"c{place}" for place in range(len(names)))
        kept = "1" if self.keep == "first" else "same"
        return Query(
            f"select {shown}, same from "
            f"(select *, rowid as came, count(*) over one as same, row_number() over one as place from t0 "
            f"window one as (partition by {keys} order by {ordering(self.order_by, columns, 'order_by')} "
            f"rows between unbounded preceding and unbounded following)) where place = {kept} order by came",
            columns.schema,
            folding=True,
        )
