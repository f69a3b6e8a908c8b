"""Text becomes a value exactly or is bad; a value becomes another type exactly or is bad."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.conversion import convert
from lumos_dagster.conversion.names import type_named
from lumos_dagster.errors import DataError

BAD = object()
STRING, INT, FLOAT, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
DECIMAL, DATE, TIME, BINARY = pa.decimal128(6, 2), pa.date32(), pa.time64("us"), pa.binary()
NAIVE, ZONED, BERLIN = pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.timestamp("us", "Europe/Berlin")


def converted(values: list[Any], source: pa.DataType, target: pa.DataType) -> list[Any]:
    result = convert(pa.array([None, *values, None], source), target)
    assert result.values.type == target
    assert result.bad.null_count == 0
    found = [
        BAD if bad else value for value, bad in zip(result.values.to_pylist(), result.bad.to_pylist(), strict=True)
    ]
    assert (found[0], found[-1]) == (None, None)
    return found[1:-1]


@pytest.mark.parametrize(
    ("target", "text", "expected"),
    [
        (INT, "-12", -12),
        (INT, "+7", 7),
        (INT, "007", 7),
        (INT, "9223372036854775807", 2**63 - 1),
        *[(INT, text, BAD) for text in ("9223372036854775808", "", " 1", "1 ", "1.0", "1e3", "0x1F", "1_000", "١")],
        (pa.int32(), "2147483648", BAD),
        (pa.int16(), "-32768", -32768),
        (pa.uint8(), "-1", BAD),
        (DECIMAL, "1234.5", Decimal("1234.50")),
        (DECIMAL, ".5", Decimal("0.50")),
        (DECIMAL, "-0012.340000", Decimal("-12.34")),
        (DECIMAL, "1e3", Decimal("1000.00")),
        (DECIMAL, "1e0003", Decimal("1000.00")),
        *[(pa.decimal128(5, 0), text, Decimal(0)) for text in (".0", "0.", "-0", "0e9", "0e-400")],
        (pa.decimal128(4, 4), "-.50e-1", Decimal("-0.05")),
        (pa.decimal128(38, 0), "00012.5e1", Decimal(125)),
        (DECIMAL, "125e-2", Decimal("1.25")),
        *[(DECIMAL, text, BAD) for text in ("0.005", "12345", "1e4", "", ".", "-", "1,5", " 1", "1e-3", "nan")],
        (pa.decimal128(38, 0), "9" * 38, Decimal("9" * 38)),
        (pa.decimal128(38, 0), "9" * 39, BAD),
        (pa.decimal256(60, 2), "9" * 58, Decimal("9" * 58)),
        (FLOAT, "0.1", 0.1),
        (FLOAT, "-1.5E-7", -1.5e-7),
        (FLOAT, "-Infinity", float("-inf")),
        (FLOAT, "0e400", 0.0),
        *[(FLOAT, text, BAD) for text in ("1e400", "1e-400", "", "1,5", "0x1p3", "1.5f", "--1", "infinit")],
        (pa.float32(), "1e39", BAD),
        (BOOL, "true", True),
        (BOOL, "False", False),
        (BOOL, "1", True),
        (BOOL, "0", False),
        *[(BOOL, text, BAD) for text in ("yes", "t", "", "01", " true")],
        (DATE, "2024-02-29", date(2024, 2, 29)),
        (DATE, "0001-01-01", date(1, 1, 1)),
        *[(DATE, text, BAD) for text in ("2023-02-29", "2024-2-9", "0000-01-01", "20240229", "29.02.2024", "")],
        (TIME, "05:06", time(5, 6)),
        (TIME, "05:06:07.5", time(5, 6, 7, 500000)),
        *[(TIME, text, BAD) for text in ("24:00", "5:06", "05:60", "05:06:60", "05:06:07.1234567", "")],
        (pa.time32("s"), "05:06:07.000", time(5, 6, 7)),
        (NAIVE, "2026-03-04", datetime(2026, 3, 4)),
        (NAIVE, "2026-03-04T05:06", datetime(2026, 3, 4, 5, 6)),
        (NAIVE, "2026-03-04 05:06:07.000089", datetime(2026, 3, 4, 5, 6, 7, 89)),
        (NAIVE, "2026-03-04 05:06:07.0000890", datetime(2026, 3, 4, 5, 6, 7, 89)),
        (NAIVE, "9999-12-31 23:59:59.999999", datetime.max),
        *[
            (NAIVE, text, BAD)
            for text in ("2026-03-04T05:06Z", "2026-03-04T05:06:07.0000891", "2026-03-04T24:00:00", "")
        ],
        (pa.timestamp("s"), "2026-03-04T05:06:07.5", BAD),
        (pa.timestamp("ns"), "2300-01-01", BAD),
        (ZONED, "2026-03-04T05:06:07Z", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)),
        (ZONED, "2026-03-04T05:06:07+05:30", datetime(2026, 3, 3, 23, 36, 7, tzinfo=UTC)),
        (ZONED, "2026-03-04 05:06-08", datetime(2026, 3, 4, 13, 6, tzinfo=UTC)),
        (ZONED, "2026-03-04T05:06:07", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)),
        *[(ZONED, text, BAD) for text in ("2026-03-04T05:06+25:00", "2026-03-04T05:06+01:60", "2026-03-04Z", "now")],
        (BERLIN, "2026-07-01T12:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        (BERLIN, "2024-03-31T02:30", BAD),
        (BERLIN, "2024-10-27T02:30", BAD),
        (BINARY, "00ff", b"\x00\xff"),
        (BINARY, "\\x00FF", b"\x00\xff"),
        (BINARY, "", b""),
        *[(BINARY, text, BAD) for text in ("abc", "xy", " 00")],
        (STRING, "", ""),
        (pa.large_string(), " x ", " x "),
    ],
)
@pytest.mark.parametrize("source", [STRING, pa.large_string(), pa.string_view()])
def test_text(source: pa.DataType, target: pa.DataType, text: str, expected: Any) -> None:
    assert converted([text], source, target) == [expected]


@pytest.mark.parametrize(
    ("source", "target", "value", "expected"),
    [
        (INT, pa.int32(), 2**31, BAD),
        (pa.uint64(), INT, 2**64 - 1, BAD),
        (INT, FLOAT, 2**53, 2.0**53),
        (INT, FLOAT, 2**53 + 1, BAD),
        (INT, FLOAT, 2**63 - 1, BAD),
        (INT, DECIMAL, 9999, Decimal("9999.00")),
        (INT, DECIMAL, 10000, BAD),
        (INT, BOOL, 1, True),
        (INT, BOOL, 2, BAD),
        (BOOL, INT, True, 1),
        (FLOAT, INT, 3.0, 3),
        (FLOAT, INT, 3.5, BAD),
        (FLOAT, INT, float("nan"), BAD),
        (FLOAT, INT, 2.0**63, BAD),
        (FLOAT, pa.float32(), 0.5, 0.5),
        (FLOAT, pa.float32(), 0.1, BAD),
        (FLOAT, DECIMAL, 0.1, Decimal("0.10")),
        (FLOAT, DECIMAL, 0.125, BAD),
        (FLOAT, DECIMAL, float("inf"), BAD),
        (pa.decimal128(9, 4), DECIMAL, Decimal("1.5000"), Decimal("1.50")),
        (pa.decimal128(9, 4), DECIMAL, Decimal("1.5001"), BAD),
        (pa.decimal128(9, 4), pa.decimal128(3, 2), Decimal("10.0000"), BAD),
        (DECIMAL, INT, Decimal("3.00"), 3),
        (DECIMAL, INT, Decimal("3.01"), BAD),
        (DECIMAL, FLOAT, Decimal("0.10"), 0.1),
        (pa.decimal128(30, 10), FLOAT, Decimal("12345678901234567890.1234567891"), BAD),
        (DATE, NAIVE, date(2026, 3, 4), datetime(2026, 3, 4)),
        (NAIVE, DATE, datetime(2026, 3, 4), date(2026, 3, 4)),
        (NAIVE, DATE, datetime(2026, 3, 4, 1), BAD),
        (NAIVE, pa.timestamp("ms"), datetime(2026, 3, 4, 5, 6, 7, 1000), datetime(2026, 3, 4, 5, 6, 7, 1000)),
        (NAIVE, pa.timestamp("ms"), datetime(2026, 3, 4, 5, 6, 7, 1), BAD),
        (NAIVE, pa.timestamp("ns"), datetime(2300, 1, 1), BAD),
        (TIME, pa.time32("s"), time(5, 6, 7), time(5, 6, 7)),
        (TIME, pa.time32("s"), time(5, 6, 7, 1), BAD),
        (BINARY, pa.binary(2), b"ab", b"ab"),
        (BINARY, pa.binary(2), b"abc", BAD),
        (FLOAT, STRING, 0.1, "0.1"),
        (pa.decimal128(10, 8), STRING, Decimal("0.00000001"), "0.00000001"),
        (BOOL, STRING, True, "true"),
        (NAIVE, STRING, datetime(2026, 3, 4, 5, 6, 7), "2026-03-04T05:06:07"),
        (ZONED, STRING, datetime(2026, 3, 4, 5, 6, 7, 89, UTC), "2026-03-04T05:06:07.000089Z"),
        (pa.timestamp("us", "+05:30"), STRING, datetime(2026, 3, 4, tzinfo=UTC), "2026-03-04T05:30:00+05:30"),
        (BERLIN, STRING, datetime(2026, 7, 1, 10, tzinfo=UTC), "2026-07-01T12:00:00+02:00"),
        (pa.struct([("a", DECIMAL)]), STRING, {"a": Decimal("1.50")}, '{"a":"1.50"}'),
    ],
)
def test_values(source: pa.DataType, target: pa.DataType, value: Any, expected: Any) -> None:
    assert converted([value], source, target) == [expected]


@pytest.mark.parametrize(
    ("source", "target"), [(INT, DATE), (DATE, INT), (ZONED, NAIVE), (BINARY, INT), (INT, pa.list_(INT))]
)
def test_types_that_have_nothing_in_common(source: pa.DataType, target: pa.DataType) -> None:
    with pytest.raises(DataError, match="cannot become"):
        convert(pa.nulls(1, source), target)


def test_dictionaries_slices_and_nothing_at_all() -> None:
    words = pa.array(["1", "x", None, "2"]).dictionary_encode()

    assert convert(words[1:], INT).values.to_pylist() == [None, None, 2]
    assert convert(words[1:], INT).bad.to_pylist() == [True, False, False]
    assert convert(pa.nulls(2), DATE).values.equals(pa.nulls(2, DATE))
    for target in (INT, DECIMAL, FLOAT, BOOL, DATE, TIME, NAIVE, ZONED, BINARY, STRING):
        assert len(convert(pa.array([], STRING), target).values) == 0


ROUND_TRIPS = {
    INT: st.integers(-(2**63), 2**63 - 1),
    FLOAT: st.floats(allow_nan=False),
    DECIMAL: st.decimals(-9999, 9999, places=2),
    DATE: st.dates(),
    TIME: st.times(),
    NAIVE: st.datetimes(),
    ZONED: st.datetimes(timezones=st.just(UTC)),
    BINARY: st.binary(),
    BOOL: st.booleans(),
}


@given(st.data())
@pytest.mark.parametrize("kind", ROUND_TRIPS, ids=str)
def test_what_is_written_as_text_reads_back_the_same(kind: pa.DataType, data: st.DataObject) -> None:
    values = pa.array(data.draw(st.lists(st.none() | ROUND_TRIPS[kind], max_size=5)), kind)[1:]

    text = convert(values, STRING).values

    assert convert(text, kind).values.equals(values)
    assert not any(convert(text, kind).bad.to_pylist())


@given(st.text())
def test_no_text_breaks_the_grammar(text: str) -> None:
    for target in (INT, DECIMAL, FLOAT, BOOL, DATE, TIME, NAIVE, ZONED, BERLIN, BINARY):
        converted([text], STRING, target)


def test_nested_values_are_json() -> None:
    value = {"a": [1, None], "b": {"c": 'x"\n'}, "d": date(2026, 3, 4), "e": b"\xff"}

    assert json.loads(convert(pa.array([value]), STRING).values[0].as_py()) == {**value, "d": "2026-03-04", "e": "ff"}


leaves = st.none() | st.text() | st.sampled_from(['"', "\\", '\\"', "\\n", "\n", "\x00\x1f", "\x7f", "\u2028", "null"])
NESTED = pa.struct(
    [('k"1', pa.list_(STRING)), ("m", pa.map_(STRING, pa.int64())), ("o", pa.struct([("x", STRING), ("f", FLOAT)]))]
)
nested = st.none() | st.fixed_dictionaries({
    "k\"1": st.none() | st.lists(leaves, max_size=3),
    "m": st.none() | st.lists(st.tuples(st.text(max_size=2), st.none() | st.integers(-5, 5)), max_size=2),
    "o": st.none() | st.fixed_dictionaries({"x": leaves, "f": st.none() | st.integers(-9, 9).map(float)}),
})  # fmt: skip


@given(st.lists(nested, max_size=5), st.integers(0, 3))
def test_nested_values_are_the_json_that_python_writes(values: list[Any], start: int) -> None:
    column = pa.array(values, NESTED)[start:]

    found = convert(column, STRING).values.to_pylist()

    assert found == [
        None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for value in column.to_pylist()
    ]


@pytest.mark.parametrize(
    ("kind", "values", "texts"),
    [
        (pa.list_(INT, 2), [[1, 2], None, [3, None]], ["[1,2]", None, "[3,null]"]),
        (pa.large_list(FLOAT), [[0.1, float("inf")], [-float("inf")]], ["[0.1,Infinity]", "[-Infinity]"]),
        (pa.list_(pa.dictionary(pa.int8(), STRING)), [["a"], []], ['["a"]', "[]"]),
        (pa.struct([]), [{}, None], ["{}", None]),
        (pa.list_(pa.decimal256(50, 2)), [[Decimal("-0.05")]], ['["-0.05"]']),
        (pa.decimal256(60, 8), [Decimal("-0.00000001"), Decimal(5), None], ["-0.00000001", "5.00000000", None]),
        (pa.decimal256(76, 0), [Decimal(10**75), Decimal(-1)], ["1" + "0" * 75, "-1"]),
        (pa.decimal256(10, -3), [Decimal("-5E+3"), Decimal(0)], ["-5000", "0"]),
        (pa.duration("s"), [timedelta(days=1, seconds=5), None], ["P1DT5S", None]),
        (pa.duration("us"), [timedelta(microseconds=-1)], ["-PT0.000001S"]),
        (
            pa.month_day_nano_interval(),
            [pa.MonthDayNano([1, -2, 3_500_000_000]), None, pa.MonthDayNano([0, 0, -1])],
            ["P1M-2DT3.500000000S", None, "P0M0DT-0.000000001S"],
        ),
    ],
    ids=str,
)
def test_each_kind_of_value_has_its_text(kind: pa.DataType, values: list[Any], texts: list[str | None]) -> None:
    column = pa.array([None, *values], kind)

    assert convert(column[1:], STRING).values.to_pylist() == texts


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("int", INT),
        ("BigInt", INT),
        ("decimal(6, 2)", DECIMAL),
        ("numeric(6,2)", DECIMAL),
        ("decimal(50,0)", pa.decimal256(50, 0)),
        ("text", STRING),
        ("timestamptz", ZONED),
    ],
)
def test_type_names(name: str, kind: pa.DataType) -> None:
    assert type_named(name) == kind


@pytest.mark.parametrize("name", ["integr", "decimal(2,3)", "decimal(77,0)", ""])
def test_unknown_type_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not a type; allowed: string, int|is not possible"):
        type_named(name)
