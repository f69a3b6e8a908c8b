"""Work on texts or days that repeat: done once for each, and not again in the batches that follow."""

from collections.abc import Callable

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.kinds import Array
from lumos_dagster.transforms.series import to_polars

_MOST_KNOWN = 65_536
"""Values that are kept in mind; where there are more of them, looking one up costs as much as the work."""


class OfDistinct:
    """What `change` makes of each value, asked but once about values that are the same; null stays null.

    Batches may be worked on at the same time: what one has learned at worst is learned by another again.
    """

    def __init__(self, change: Callable[[Array], pl.Series]) -> None:
        self._change = change
        self._known: tuple[Array, pl.Series] | None = None

    def __call__(self, column: Array) -> pl.Series:
        """One result for each value of the column."""
        known = self._known
        if known is None or known[0].type != column.type:
            return self._learned(column)
        values, made = known
        places: Array = pc.index_in(column, value_set=values)
        new: Array = pc.and_(column.is_valid(), places.is_null())
        if new.true_count:
            fresh = column.filter(new).unique()
            values, made = pa.concat_arrays([values, fresh]), pl.concat([made, self._change(fresh)], rechunk=True)
            places = pc.index_in(column, value_set=values)
            self._known = (values, made) if len(values) <= _MOST_KNOWN else None
        return made.gather(to_polars(places))

    def _learned(self, column: Array) -> pl.Series:
        encoded = column.dictionary_encode()
        made = self._change(encoded.dictionary)
        simple = types.is_string(column.type) or types.is_large_string(column.type) or types.is_date32(column.type)
        if simple and len(made) <= min(_MOST_KNOWN, len(column) // 2):
            self._known = (encoded.dictionary, made)
        return made.gather(to_polars(encoded.indices))
