"""Dates and moments as text: each spelled the same whatever stands beside it."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.conversion import convert
from lumos_dagster_tests.test_conversion import DATE, NAIVE, ROUND_TRIPS, STRING, TIME, ZONED


@given(st.data())
@pytest.mark.parametrize("kind", [TIME, NAIVE, ZONED], ids=str)
def test_moments_are_written_with_no_three_or_six_digits_of_a_fraction(kind: pa.DataType, data: st.DataObject) -> None:
    unit = st.shared(st.sampled_from([(1,), (1000,), (1_000_000,), (1, 1000, 1_000_000)])).flatmap(st.sampled_from)
    rounded = st.builds(
        lambda moment, unit: moment.replace(microsecond=moment.microsecond // unit * unit), ROUND_TRIPS[kind], unit
    )
    moments = data.draw(st.lists(st.none() | rounded, min_size=1, max_size=5))
    digits = {0: "seconds"} | dict.fromkeys(range(1000, 1000000, 1000), "milliseconds")
    texts = [moment and moment.isoformat(timespec=digits.get(moment.microsecond, "microseconds")) for moment in moments]

    written = convert(pa.array([None, *moments], kind)[1:], STRING).values

    assert written.to_pylist() == [text and text.replace("+00:00", "Z") for text in texts]


@given(st.lists(st.none() | st.dates(), max_size=5))
def test_dates_are_written_alike_whatever_stands_beside_them(dates: list[date | None]) -> None:
    first, last = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (date.min, date.max))
    texts = [day and day.isoformat() for day in (None, *dates, date.min, date.max)]
    days = pa.array([None, *dates, date.min, date.max], DATE).cast(pa.int32()).to_pylist()
    for beside, text in ([], []), ([first - 1], ["0000-12-31"]), ([last + 1], ["+10000-01-01"]):
        written = convert(pa.array([0, *days, *beside], pa.int32()).cast(DATE)[1:], STRING).values
        assert written.to_pylist() == texts + text
