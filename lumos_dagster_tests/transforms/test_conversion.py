"""convert_field: each type from each other, exactly, by the one grammar; what does not fit is a bad value."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster_tests.transforms.running import one, operate

BAD = object()


def converted(to_type: str, values: Sequence[Any], kind: pa.DataType | None = None, **options: Any) -> list[Any]:
    """Every value on its own, so that each bad one shows."""
    found: list[Any] = []
    for value in values:
        operation = {"operation": "convert_field", "type": to_type, **options}
        result = one(operation | {"on_error": "null"}, [value], kind)
        found.extend(BAD if value is not None and item is None else item for item in result)
    return found


@pytest.mark.parametrize(
    ("to_type", "values", "expected"),
    [
        ("int", ["1", "-12", "+12", "007", "9223372036854775807", None], [1, -12, 12, 7, 2**63 - 1, None]),
        ("integer", ["9223372036854775808", "1.0", " 1", "1 ", "", "1e3", "0x1", "१"], [BAD] * 8),
        ("float", ["1.5", "1e3", ".5", "-0", "NaN"][:4], [1.5, 1000.0, 0.5, -0.0]),
        ("float", ["1,5", "", "abc", "1e999"], [BAD] * 4),
        ("decimal(5,2)", ["1.5", "123.45", "-0.10", "1.500"], [Decimal("1.50"), Decimal("123.45"), Decimal("-0.10"), Decimal("1.50")]),
        ("decimal(5,2)", ["1.234", "1234.5", "", "x"], [BAD] * 4),
        ("bool", ["true", "FALSE", "1", "0"], [True, False, True, False]),
        ("boolean", ["yes", "t", "", "2"], [BAD] * 4),
        ("date", ["2026-02-28", "2026-02-30", "28/02/2026", ""], [date(2026, 2, 28), BAD, BAD, BAD]),
        ("time", ["05:06", "23:59:59.5", "24:00"], [time(5, 6), time(23, 59, 59, 500000), BAD]),
        ("timestamp", ["2026-03-04T05:06:07", "2026-03-04 05:06", "2026-03-04T05:06:07Z"], [datetime(2026, 3, 4, 5, 6, 7), datetime(2026, 3, 4, 5, 6), BAD]),
        ("timestamptz", ["2026-03-04T05:06:07+08:00"], [datetime(2026, 3, 3, 21, 6, 7, tzinfo=UTC)]),
        ("binary", ["00ff", "\\x01", "zz"], [b"\x00\xff", b"\x01", BAD]),
        ("json", ['{"a": 1}', "[1, 2]", "null", '"x"', "{'a': 1}", "", "NaN"], ['{"a": 1}', "[1, 2]", "null", '"x"', BAD, BAD, BAD]),
        ("string", ["x", ""], ["x", ""]),
    ],
)  # fmt: skip
def test_text_to_type(to_type: str, values: list[str], expected: list[Any]) -> None:
    assert converted(to_type, values) == expected


@pytest.mark.parametrize(
    ("to_type", "kind", "values", "expected"),
    [
        ("string", pa.int64(), [1, None], ["1", None]),
        ("string", pa.decimal128(5, 2), [Decimal("1.50")], ["1.50"]),
        ("string", pa.bool_(), [True], ["true"]),
        ("string", pa.date32(), [date(2026, 1, 2)], ["2026-01-02"]),
        ("int", pa.float64(), [3.0, 3.5, 1e30], [3, BAD, BAD]),
        ("int", pa.decimal128(5, 2), [Decimal("3.00"), Decimal("3.10")], [3, BAD]),
        ("float", pa.int64(), [3, 2**53 + 1], [3.0, BAD]),
        ("decimal(4,1)", pa.float64(), [0.1, 0.25], [Decimal("0.1"), BAD]),
        ("date", pa.timestamp("us"), [datetime(2026, 1, 2), datetime(2026, 1, 2, 3)], [date(2026, 1, 2), BAD]),
        ("timestamp", pa.date32(), [date(2026, 1, 2)], [datetime(2026, 1, 2)]),
        ("json", pa.list_(pa.int64()), [[1, 2]], ["[1,2]"]),
        ("int", pa.dictionary(pa.int32(), pa.string()), ["7"], [7]),
    ],
)
def test_type_to_type(to_type: str, kind: pa.DataType, values: list[Any], expected: list[Any]) -> None:
    assert converted(to_type, values, kind) == expected


@pytest.mark.parametrize(
    ("to_type", "form", "text", "expected"),
    [
        ("date", "DD/MM/YYYY", "31/12/2026", date(2026, 12, 31)),
        ("date", "%d.%m.%Y", "31.12.2026", date(2026, 12, 31)),
        ("date", "DD/MM/YYYY", "31/11/2026", BAD),
        ("timestamp", "MM/DD/YYYY hh:mm A", "12/31/2026 12:30 AM", datetime(2026, 12, 31, 0, 30)),
        ("timestamp", "X", "1772600767", datetime(2026, 3, 4, 5, 6, 7)),
        ("timestamptz", "YYYY-MM-DD HH:mm ZZ", "2026-01-01 00:00 +0800", datetime(2025, 12, 31, 16, tzinfo=UTC)),
        ("time", "hh:mm A", "01:05 PM", time(13, 5)),
    ],
)
def test_dates_of_a_form(to_type: str, form: str, text: str, expected: Any) -> None:
    assert converted(to_type, [text, None], format=form) == [expected, None]


def test_a_time_zone_of_the_users() -> None:
    found = one(
        {"operation": "convert", "type": "timestamp", "timezone": "Asia/Shanghai"},
        ["2026-01-01T08:00:00", "2026-01-01T00:00:00Z"],
    )

    assert found == [datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))] * 2


def test_each_spelling_and_several_fields() -> None:
    table = pa.table({"a": ["1"], "b": ["2"], "c": ["3"]})

    for operation in (
        {"operation": "convert_field", "type": "int"},
        {"type": "convert", "to_type": "int"},
        {"operation": "cast", "to_type": "int"},
    ):
        assert operate({**operation, "fields": ["a", "b"]}, table).rows == [{"a": 1, "b": 2, "c": "3"}]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"type": "integr"}, "'integr' is not a type; allowed: .*json"),
        ({"type": "decimal"}, r"not a type; allowed: .*decimal\(p,s\)"),
        ({"type": "decimal(40,2)"}, "38 digits"),
        ({"type": "int", "format": "DD"}, "format is for dates"),
        ({"type": "int", "timezone": "UTC"}, "timezone is for a timestamp"),
        ({"type": "timestamp", "timezone": "Mars/Base"}, "not a time zone"),
        ({"type": "date", "format": "DD/MM"}, "no year"),
        ({"type": "timestamp", "format": "YYYY Z"}, "give timezone"),
        ({}, "required key 'to_type' is missing"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        one({"operation": "convert_field", **options}, ["x"])


def test_a_type_that_cannot_be_is_told_at_binding() -> None:
    with pytest.raises(ConfigError, match=r"transforms\.0\.type: convert_field: field 'x': bool cannot become date32"):
        one({"operation": "convert_field", "type": "date"}, [True], pa.bool_())


def test_the_message_names_row_field_value_and_reason() -> None:
    with pytest.raises(DataError, match=r"clean: row 3: convert_field: field 'x': value 'abc': is not int"):
        one({"operation": "convert_field", "type": "int"}, ["1", "2", "abc", "d"], batch=1)


@given(st.lists(st.none() | st.integers(-(2**64), 2**64).map(str) | st.text("0123456789+-. ", max_size=4), max_size=20))
def test_integers_are_what_the_grammar_says(texts: list[str | None]) -> None:
    def reference(text: str | None) -> int | None:
        digits = (text or "").removeprefix("+").removeprefix("-") if (text or "")[:2] not in ("+-", "-+") else ""
        if text is None or not digits.isascii() or not digits.isdigit() or text.startswith(("++", "--")):
            return None
        return int(text) if -(2**63) <= int(text) < 2**63 else None

    assert one({"operation": "cast", "type": "int", "on_error": "null"}, texts, batch=6) == list(map(reference, texts))
