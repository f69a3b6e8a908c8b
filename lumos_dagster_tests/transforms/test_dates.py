"""format_date: moment's tokens and strftime's, strict reading, zones, and dates that do not exist."""

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.errors import ConfigError
from lumos_dagster.transforms.distinct import OfDistinct
from lumos_dagster_tests.transforms.running import one, operate

SOME = datetime(2026, 3, 4, 15, 6, 7, 89_012)


def reformatted(text: str | None, **options: Any) -> str | None:
    (found,) = one({"operation": "format_date", "on_error": "null", **options}, [text])
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("YYYY-MM-DD", "2026-03-04"),
        ("YY/M/D", "26/3/4"),
        ("HH:mm:ss.SSS", "15:06:07.089"),
        ("H:m:s", "15:6:7"),
        ("hh:mm A", "03:06 PM"),
        ("h:mm a", "3:06 pm"),
        ("MMM D, YYYY", "Mar 4, 2026"),
        ("dddd, MMMM DD", "Wednesday, March 04"),
        ("ddd DDDD DDD", "Wed 063 63"),
        ("S SS SSSSSS", "0 08 089012"),
        ("X", "1772636767"),
        ("x", "1772636767089"),
        ("YYYY-MM-DDTHH:mm:ssZ", "2026-03-04T15:06:07+00:00"),
        ("HHmm ZZ", "1506 +0000"),
        ("[the day] D [%]", "the day 4 %"),
        ("YYYY年MM月DD日", "2026年03月04日"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-03-04 15:06:07.089012"),
        ("%-d %b %y %I %p %j %%", "4 Mar 26 03 PM 063 %"),
        ("%F %T", "2026-03-04 15:06:07"),
        ("MMMM Do, Mo DDDo", "March 4th, 3rd 63rd"),
        ("[Q]Q YYYY Qo", "Q1 2026 1st"),
        ("GGGG-[W]WW-E W Wo GG", "2026-W10-3 10 10th 26"),
        ("gggg ww w wo gg e d do dd", "2026 10 10 10th 26 3 3 3rd We"),
        ("k kk", "15 15"),
        ("%G-W%V-%u %w", "2026-W10-3 3"),
    ],
)
def test_writing(form: str, written: str) -> None:
    for key in ("format", "to_format"):
        assert one({"operation": "format_date", key: form}, [SOME, None], pa.timestamp("us")) == [written, None]
    assert reformatted("2026-03-04T15:06:07.089012", format=form) == written


@pytest.mark.parametrize(
    ("form", "text", "iso"),
    [
        ("DD/MM/YYYY", "31/12/2024", "2024-12-31T00:00:00.000000"),
        ("DD/MM/YYYY", "1/12/2024", None),
        ("D/M/YYYY", "1/12/2024", "2024-12-01T00:00:00.000000"),
        ("D/M/YYYY", "01/02/2024", "2024-02-01T00:00:00.000000"),
        ("DD/MM/YYYY", "31/12/24", None),
        ("DD/MM/YYYY", "31/12/2024 ", None),
        ("DD/MM/YYYY", "x31/12/2024", None),
        ("DD/MM/YYYY", "30/02/2024", None),
        ("DD/MM/YYYY", "29/02/2024", "2024-02-29T00:00:00.000000"),
        ("DD/MM/YYYY", "29/02/2023", None),
        ("DD/MM/YYYY", "00/01/2024", None),
        ("DD/MM/YYYY", "01/13/2024", None),
        ("DD.MM.YYYY", "01-01-2024", None),
        ("DD/MM/YYYY", "", None),
        ("YYYY-MM-DD", "0000-01-01", None),
        ("YY-MM-DD", "68-01-01", "2068-01-01T00:00:00.000000"),
        ("YY-MM-DD", "69-01-01", "1969-01-01T00:00:00.000000"),
        ("YYYYMMDDHHmmss", "20240102030405", "2024-01-02T03:04:05.000000"),
        ("YYYYMDD", "2024111", "2024-01-11T00:00:00.000000"),
        ("YYYY-MM-DD  HH:mm", "2024-01-02 03:04", None),
        ("YYYY-M-D H:m:s", "2024-1-2 3:4:5", "2024-01-02T03:04:05.000000"),
        ("YYYY-M-D H:m:s", "2024-1-2 3:4:60", None),
        ("YYYY-MM-DD HH:mm", "2024-01-02 24:00", None),
        ("YYYY-MM-DD HH:mm", "2024-01-02 23:60", None),
        ("YYYY-MM-DD hh:mm A", "2024-01-02 12:00 AM", "2024-01-02T00:00:00.000000"),
        ("YYYY-MM-DD hh:mm a", "2024-01-02 12:00 PM", "2024-01-02T12:00:00.000000"),
        ("YYYY-MM-DD hh:mm A", "2024-01-02 13:00 PM", None),
        ("YYYY-MM-DD h:mm A", "2024-01-02 1:05 pm", "2024-01-02T13:05:00.000000"),
        ("MMM D YYYY", "feb 3 2024", "2024-02-03T00:00:00.000000"),
        ("MMMM D YYYY", "February 3 2024", "2024-02-03T00:00:00.000000"),
        ("MMMM D YYYY", "Feb 3 2024", None),
        ("ddd DD MMM YYYY", "Sat 03 Feb 2024", "2024-02-03T00:00:00.000000"),
        ("ddd DD MMM YYYY", "Sun 03 Feb 2024", None),
        ("YYYY-DDDD", "2024-366", "2024-12-31T00:00:00.000000"),
        ("YYYY-DDDD", "2023-366", None),
        ("YYYY-DDDD", "2023-000", None),
        ("YYYY-MM", "2024-05", "2024-05-01T00:00:00.000000"),
        ("X", "1704067200", "2024-01-01T00:00:00.000000"),
        ("X", "-1.5", "1969-12-31T23:59:58.500000"),
        ("x", "1704067200123", "2024-01-01T00:00:00.123000"),
        ("x", "999999999999999", None),
        ("YYYY-MM-DD HH:mm:ss.SSSSSSSSS", "2024-01-01 00:00:00.123456000", "2024-01-01T00:00:00.123456"),
        ("YYYY-MM-DD HH:mm:ss.SSSSSSSSS", "2024-01-01 00:00:00.123456001", None),
        ("%d/%m/%Y", "31/12/2024", "2024-12-31T00:00:00.000000"),
        ("%d/%m/%Y", "1/2/2024", None),
        ("MMMM Do YYYY", "March 3rd 2024", "2024-03-03T00:00:00.000000"),
        ("MMMM Do YYYY", "March 3 2024", None),
        ("GGGG-[W]WW-E", "2026-W01-4", "2026-01-01T00:00:00.000000"),
        ("GGGG-[W]WW", "2025-W01", "2024-12-30T00:00:00.000000"),
        ("GGGG-[W]WW-E", "2020-W53-7", "2021-01-03T00:00:00.000000"),
        ("GGGG-[W]WW-E", "2021-W53-1", None),
        ("YYYY-[Q]Q", "2024-Q3", "2024-07-01T00:00:00.000000"),
        ("YYYY-MM [Q]Q", "2024-05 Q3", None),
        ("YYYY-MM-DD kk:mm", "2024-05-06 24:10", "2024-05-06T00:10:00.000000"),
        ("[Q.] DD.MM.YYYY", "Q. 01.02.2024", "2024-02-01T00:00:00.000000"),
    ],
)
def test_reading_is_strict(form: str, text: str, iso: str | None) -> None:
    assert reformatted(text, from_format=form, to_format="YYYY-MM-DDTHH:mm:ss.SSSSSS") == iso


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2024-02-03", "03.02.2024 00:00"),
        ("2024-02-03T04:05", "03.02.2024 04:05"),
        ("2024-02-03 04:05:06.123456", "03.02.2024 04:05"),
        ("2024-02-03T04:05:06+08:00", "03.02.2024 04:05"),
        ("2024-2-3", None),
        ("2024-02-30", None),
        ("20240203", None),
    ],
)
def test_without_a_from_format_text_is_iso(text: str, found: str | None) -> None:
    assert reformatted(text, format="DD.MM.YYYY HH:mm") == found


@given(
    st.lists(
        st.lists(st.sampled_from([None, "x", "30/02/2024", *(f"{day:02}/01/2024" for day in range(1, 32))])), max_size=5
    )
)
def test_days_that_repeat_from_batch_to_batch_are_each_their_own(batches: list[list[str | None]]) -> None:
    asked: list[str] = []

    def change(texts: "pa.Array[Any]") -> pl.Series:
        asked.extend(texts.to_pylist())
        return pl.Series([None if text == "x" else f"{text}!" for text in texts.to_pylist()], dtype=pl.String)

    of_distinct = OfDistinct(change)
    for texts in batches:
        expected = [None if text in (None, "x") else f"{text}!" for text in texts]
        assert of_distinct(pa.array(texts, pa.string())).to_list() == expected


def test_a_day_is_worked_on_once_in_all_batches() -> None:
    asked: list[str] = []

    def change(texts: "pa.Array[Any]") -> pl.Series:
        asked.extend(texts.to_pylist())
        return pl.Series(texts.to_pylist(), dtype=pl.String)

    of_distinct = OfDistinct(change)
    for texts in (["a", "a", "b", "b"], ["b", "c", None], ["c", "a"]):
        assert of_distinct(pa.array(texts)).to_list() == texts
    assert asked == ["a", "b", "c"]


def test_columns_that_are_dates_already() -> None:
    table = pa.table(
        {
            "d": pa.array([date(2024, 2, 3), None]),
            "ns": pa.array([1_706_931_845_123_456_789, None], pa.timestamp("ns")),
            "s": pa.array([1_706_931_845, None], pa.timestamp("s", "+05:30")),
            "tz": pa.array([1_706_931_845, None], pa.timestamp("s", "Asia/Shanghai")),
            "unix": [1_706_931_845, None],
        }
    )
    operations: list[dict[str, Any]] = [
        {"operation": "format_date", "field": name, "from_format": "X", "to_format": "DD.MM.YYYY HH:mm:ss.SSS Z"}
        for name in table.column_names
    ]

    result = operate(operations, table)

    assert result.rows[0] == {
        "d": "03.02.2024 00:00:00.000 +00:00",
        "ns": "03.02.2024 03:44:05.123 +00:00",
        "s": "03.02.2024 09:14:05.000 +05:30",
        "tz": "03.02.2024 11:44:05.000 +08:00",
        "unix": "03.02.2024 03:44:05.000 +00:00",
    }
    assert set(result.rows[1].values()) == {None}
    assert set(result.table.schema.types) == {pa.string()}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "needs to_format, or format"),
        ({"format": "YYYY", "to_format": "YYYY"}, "needs to_format, or format"),
        ({"format": "[nothing]"}, "no date token"),
        ({"format": "YYYY z"}, "the token z is not understood"),
        ({"format": "YYYY", "from_format": "gggg-ww"}, "the token gggg can be written, but not read"),
        ({"format": "YYYY", "from_format": "YYYY-[W]WW"}, "a week is read as GGGG and WW"),
        ({"format": "%Q"}, "%Q is not understood"),
        ({"format": "YYYY", "from_format": "DD DD"}, "tells what another one tells"),
        ({"format": "YYYY", "from_format": "HH:mm"}, "no year"),
        ({"format": "YYYY", "timezone": "Mars"}, "not a time zone"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        one({"operation": "format_date", **options}, ["x"])


def test_a_column_that_cannot_be_a_date() -> None:
    with pytest.raises(ConfigError, match="column 'x' is bool, but text, a date or a timestamp is needed"):
        one({"operation": "format_date", "format": "YYYY"}, [True], pa.bool_())


FORMS = [
    ("YYYY-MM-DD HH:mm:ss.SSSSSS", "%Y-%m-%d %H:%M:%S.%f"),
    ("DDDD YYYY hh:mm:ss A SSSSSS", "%j %Y %I:%M:%S %p %f"),
    ("dddd MMMM DD YYYY HH-mm-ss SSSSSS", "%A %B %d %Y %H-%M-%S %f"),
    ("%d.%b.%Y %H%M%S.%f", "%d.%b.%Y %H%M%S.%f"),
]


@given(st.lists(st.none() | st.datetimes(datetime(1000, 1, 1)), max_size=10), st.sampled_from(FORMS), st.integers(1, 4))
def test_writing_and_reading_agree_with_python(
    values: list[datetime | None], forms: tuple[str, str], batch: int
) -> None:
    ours, pythons = forms

    written = one({"operation": "format_date", "format": ours}, values, pa.timestamp("us"), batch=batch)
    read = one({"operation": "convert", "to_type": "timestamp", "format": ours}, written, batch=batch)

    assert written == [None if value is None else value.strftime(pythons) for value in values]
    assert read == values


@given(st.lists(st.dates(date(1900, 1, 1), date(2100, 1, 1)), min_size=1, max_size=20))
def test_weeks_are_counted_as_moment_does(days: list[date]) -> None:
    """The rule of moment for weeks from Sunday of which the first has January 1, by its code's offsets."""

    def week(day: date) -> tuple[int, int]:
        def first(year: int) -> date:
            january = date(year, 1, 1)
            return january - timedelta(days=january.isoweekday() % 7)

        year = day.year + (day >= first(day.year + 1))
        return year, (day - first(year)).days // 7 + 1

    def ordinal(number: int) -> str:
        ending = "th" if number // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending}"

    form = "gggg w|GGGG WW E|Do|Q"
    written = one({"operation": "format_date", "format": form}, days, pa.date32())

    assert written == [
        "{} {}|{} {:02} {}|{}|{}".format(*week(day), *day.isocalendar(), ordinal(day.day), (day.month + 2) // 3)
        for day in days
    ]
    iso = [f"{year}-{week:02}-{day}" for year, week, day in (day.isocalendar() for day in days)]
    assert one({"operation": "convert", "to_type": "date", "format": "GGGG-WW-E"}, iso) == days


@given(
    st.lists(
        st.text("0123456789/", min_size=8, max_size=10) | st.dates().map(lambda day: f"{day:%d/%m/}{day.year:04}"),
        max_size=20,
    )
)
def test_what_is_a_date_is_what_python_says(texts: list[str]) -> None:
    def reference(text: str) -> date | None:
        try:
            found = datetime.strptime(text, "%d/%m/%Y").date()
        except ValueError:
            return None
        return found if f"{found:%d/%m/}{found.year:04}" == text else None

    found = one({"operation": "convert", "to_type": "date", "format": "DD/MM/YYYY", "on_error": "null"}, texts)

    assert found == list(map(reference, texts))


def test_moments_backslash_escapes_a_token_and_its_long_years_are_refused() -> None:
    assert reformatted("2026-03-04", format="YYYY\\M") == "2026M"
    for form in ("YYYYY", "YYYYYY", "GGGGG"):
        with pytest.raises(ConfigError, match=f"the token {form} is not understood"):
            reformatted("2026-03-04", format=form)
