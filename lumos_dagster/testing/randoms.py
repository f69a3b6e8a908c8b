"""Random tables for the suite, by hypothesis."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from lumos_dagster.testing.samples import table_of

_RANDOM: Mapping[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    # Minus zero and NaN have checks of their own, since not every store has them.
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value or math.fabs(value)),
    pa.decimal128(20, 4): st.decimals(-(10**15), 10**15, places=4),
    pa.string(): st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    pa.binary(): st.binary(max_size=20),
    pa.date32(): st.dates(),
    pa.timestamp("us"): st.datetimes(),
    pa.timestamp("us", "UTC"): st.datetimes(timezones=st.just(UTC)),
}


@st.composite
def random_tables(draw: st.DrawFn, kinds: Iterable[pa.DataType], least_rows: int) -> pa.Table:
    """Tables of one to four columns of these types, nulls among the values."""
    known = [kind for kind in kinds if kind in _RANDOM]
    chosen = draw(st.lists(st.sampled_from(known), min_size=1, max_size=4))
    rows = draw(st.integers(least_rows, 12))
    return table_of({
        f"column_{place}": (kind, draw(st.lists(st.none() | _RANDOM[kind], min_size=rows, max_size=rows)))
        for place, kind in enumerate(chosen)
    })  # fmt: skip
