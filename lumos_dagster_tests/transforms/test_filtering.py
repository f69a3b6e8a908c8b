"""filter_field and filter: every operator, every spelling, every type; what cannot be compared does not match."""

import math
import operator as op
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lumos_dagster.errors import ConfigError
from lumos_dagster.transforms.filter import Filter
from lumos_dagster_tests.transforms.running import NOW, one, operate, transform

TEXTS = ["active", "Active", "5", "5.0", "10", "-3", "", None, "x"]


@pytest.mark.parametrize(
    ("operator", "value", "kept"),
    [
        ("equals", "active", ["active"]),
        ("equals", "5", ["5"]),
        ("equals", 5, ["5", "5.0"]),
        ("=", 5, ["5", "5.0"]),
        ("==", 5.0, ["5", "5.0"]),
        ("not_equals", 5, ["10", "-3"]),
        ("!=", "5", ["active", "Active", "5.0", "10", "-3", "", "x"]),
        ("<>", 5, ["10", "-3"]),
        ("greater_than", 5, ["10"]),
        (">", 4.5, ["5", "5.0", "10"]),
        (">", "5", ["active", "Active", "5.0", "x"]),
        ("greater_or_equal", 5, ["5", "5.0", "10"]),
        (">=", 10, ["10"]),
        ("less_than", 0, ["-3"]),
        ("<", 5, ["-3"]),
        ("less_or_equal", 5, ["5", "5.0", "-3"]),
        ("<=", -3, ["-3"]),
        ("between", [5, 10], ["5", "5.0", "10"]),
        ("in", ["active", "x", "nobody"], ["active", "x"]),
        ("in", [5, 10], ["5", "5.0", "10"]),
        ("in", [5, "x"], ["5", "5.0", "x"]),
        ("not_in", ["active", ""], ["Active", "5", "5.0", "10", "-3", "x"]),
        ("not_in", [5], ["10", "-3"]),
        ("contains", "ctiv", ["active", "Active"]),
        ("contains", 5, ["5", "5.0"]),
        ("not_contains", "ctiv", ["5", "5.0", "10", "-3", "", "x"]),
        ("starts_with", "A", ["Active"]),
        ("ends_with", "0", ["5.0", "10"]),
        ("matches", "^[0-9]+$", ["5", "10"]),
        ("matches", "ct", ["active", "Active"]),
        ("is_null", None, [None]),
        ("is_not_null", None, ["active", "Active", "5", "5.0", "10", "-3", "", "x"]),
        ("is_empty", None, [""]),
    ],
)
def test_operators_on_text(operator: str, value: Any, kept: list[str | None]) -> None:
    for key in ("operator", "condition"):
        options = {key: operator} | ({} if value is None else {"value": value})
        assert one({"operation": "filter_field", **options}, TEXTS) == kept


def test_keep_false_leaves_the_matches_out_and_keeps_what_cannot_be_told() -> None:
    kept = one({"operation": "filter", "operator": ">", "value": 4, "keep": False}, ["5", "1", "x", None])

    assert kept == ["1", "x", None]


@pytest.mark.parametrize(
    ("kind", "values", "operator", "value", "kept"),
    [
        (pa.int64(), [1, 2**53, 2**53 + 1, None], "=", 2**53, [2**53]),
        (pa.int64(), [1, 2, 3], ">", 1.5, [2, 3]),
        (pa.int64(), [1, 2, 3], "=", 1.5, []),
        (pa.int64(), [1, 2, 3, None], "!=", 1.5, [1, 2, 3]),
        (pa.int8(), [1, 127], "<", 1000, [1, 127]),
        (pa.int8(), [1, 127], ">", -1000.5, [1, 127]),
        (pa.uint64(), [0, 2**64 - 1], ">=", 2**64 - 1, [2**64 - 1]),
        (pa.uint64(), [0, 5], ">", -1, [0, 5]),
        (pa.int64(), [1, 2], "=", "2", [2]),
        (pa.float64(), [0.1, math.inf, math.nan, None], ">", 0, [0.1, math.inf]),
        (pa.float64(), [0.1, 0.2], "=", 0.1, [0.1]),
        (pa.decimal128(10, 2), [Decimal("0.10"), Decimal("0.20")], "=", 0.1, [Decimal("0.10")]),
        (pa.decimal128(38, 2), [Decimal("-1.00"), Decimal("7.01")], ">", 7.005, [Decimal("7.01")]),
        (pa.bool_(), [True, False, None], "=", True, [True]),
        (pa.bool_(), [True, False, None], "=", "false", [False]),
        (pa.date32(), [date(2026, 1, 1), date(2026, 6, 1)], ">", "2026-03-01", [date(2026, 6, 1)]),
        (pa.timestamp("us"), [datetime(2026, 1, 1), datetime(2027, 1, 1)], "<", "$NOW", [datetime(2026, 1, 1)]),
        (pa.timestamp("ms", "UTC"), [NOW.replace(microsecond=0), NOW + timedelta(1)], ">", "$NOW", None),
        (pa.string(), ["2026-01-01", "2027-01-01", "soon"], "<", "$TODAY", ["2026-01-01"]),
        (pa.string(), ["true", "1", "0", "yes", None], "=", True, ["true", "1"]),
        (pa.large_string(), ["7", "x"], ">", 1, ["7"]),
    ],
)
def test_operators_on_other_types(
    kind: pa.DataType, values: list[Any], operator: str, value: Any, kept: list[Any] | None
) -> None:
    found = one({"operation": "filter_field", "operator": operator, "value": value}, values, kind)

    assert len(found) == 1 if kept is None else found == kept


def test_a_number_in_text_is_compared_by_all_its_digits() -> None:
    texts = ["9007199254740993", "9007199254740992", "9007199254740992.000000000001", "1e400", "-1e400"]

    assert one({"operation": "filter", "operator": "=", "value": 9007199254740993}, texts) == texts[:1]
    assert one({"operation": "filter", "operator": ">", "value": 9007199254740992}, texts) == [
        texts[0],
        texts[2],
        texts[3],
    ]


def test_only_nulls_may_be_asked_for_in_columns_of_other_types() -> None:
    lists = pa.table({"x": pa.array([[1], None]), "n": [1, 2]})

    found = operate({"operation": "filter", "field": "x", "operator": "is_not_null"}, lists)

    assert found.rows == [{"x": [1], "n": 1}]
    with pytest.raises(ConfigError, match="cannot be compared"):
        operate({"operation": "filter", "field": "x", "operator": "=", "value": 1}, lists)


ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": op.eq,
    "!=": op.ne,
    ">": op.gt,
    ">=": op.ge,
    "<": op.lt,
    "<=": op.le,
}


def matches_number(text: str | None, operator: str, value: float) -> bool:
    """Row by row, in plain Python."""
    if text is None or text.strip() != text or "_" in text:
        return False
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number.is_finite() and ORDERS[operator](number, Decimal(repr(value)))


numbers = st.one_of(st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False))
spelled = st.one_of(
    numbers.map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.text("0123456789.e+- x", max_size=6),
)


@given(st.lists(st.none() | spelled, max_size=30), st.sampled_from(list(ORDERS)), numbers, st.integers(1, 7))
@example(["1e0000", "1e9999", "-1e9999", "1e-9999", "1.0e0000001"], "=", 1, 2)
@example(["1e0000", "1e9999", "-1e9999", "1e-9999", "0e9999"], ">", 0, 5)
def test_text_against_numbers_is_what_python_says(
    texts: list[str | None], operator: str, value: float, batch: int
) -> None:
    found = one({"operation": "filter", "operator": operator, "value": value}, texts, batch=batch)

    assert found == [text for text in texts if matches_number(text, operator, value)]


@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=30),
    st.sampled_from(list(ORDERS)),
    st.one_of(st.integers(-(2**65), 2**65), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_integers_against_numbers_are_what_python_says(values: list[int | None], operator: str, value: float) -> None:
    found = one({"operation": "filter", "operator": operator, "value": value}, values, pa.int64())

    assert found == [
        number for number in values if number is not None and ORDERS[operator](number, Decimal(repr(value)))
    ]


ROWS = pa.table(
    {
        "a": pa.array([1, 2, 3, None]),
        "b": pa.array([3, 2, 1, 0]),
        "status": ["active", "on hold", None, "it's"],
        "text": ["10", "9", "x", None],
        "my col": ["p", "q", "r", "s"],
        "on": pa.array([True, False, None, True]),
    }
)


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("a > 1", [2, 3]),
        ("a == 1 or b == 0", [1, None]),
        ("a != 1", [2, 3]),
        ("not a = 1", [2, 3]),
        ("1 < a", [2, 3]),
        ("a >= 2 and status is not null", [2]),
        ("a is null", [None]),
        ("status = 'it''s'", [None]),
        ("status in ('active', 'on hold') and not (a = 1 and b = 3)", [2]),
        ("status not in ('active')", [2, None]),
        ("a between 2 and 3", [2, 3]),
        ("a not between 2 and 3", [1]),
        ("status like 'on%'", [2]),
        ("status like '_ctive'", [1]),
        ("a = b", [2]),
        ("a < b", [1]),
        ("text > 9.5", [1]),
        ("not text > 9.5", [2]),
        ("`my col` = 'p' or \"my col\" = 'q'", [1, 2]),
        ('status = "active"', [1]),
        ('"on"', [1, None]),
        ('"on" = true and a is not null', [1]),
        ("a + 1 > b * 1", [2, 3]),
        ("a % 2 = 0", [2]),
        ("upper(status) = 'ACTIVE'", [1]),
        ("a = -1 or a = 3.0", [3]),
        ("STATUS = 'x' or a = 1", None),
    ],
)
def test_expressions(expression: str, kept: list[int | None] | None) -> None:
    if kept is None:
        with pytest.raises(ConfigError, match=r"there is no column 'STATUS'.*Did you mean"):
            transform(Filter, {"condition": expression}, ROWS)
        return
    for key in ("condition", "expression"):
        assert transform(Filter, {key: expression}, ROWS).column("a") == kept
    assert operate({"operation": "filter_field", "condition": expression}, ROWS).column("a") == kept


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("a >", "at character 3"),
        ("a > 1 extra", "not known here"),
        ("a > 1; drop table x", "not one expression|not known here"),
        ("(select 1) = a", "not known here"),
        ("load_file('x') = 'y'", "not known here"),
        ("a = null", "is null"),
        ("a = ", "character"),
        ("a > 'x", "quote is not closed"),
        ("1 = 1", "two constants"),
        ("statsu = 'x'", "at character 1: there is no column 'statsu'.*Did you mean 'status'"),
        ("a > 0 and status = active", "at character 20: there is no column 'active'.*single quotes"),
        ("status", "no condition"),
        ("a + 1", "no condition"),
        ("status = a", "convert one of them"),
        ('a and "on"', "condition is needed"),
    ],
)
def test_a_wrong_expression_is_pointed_at(expression: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        transform(Filter, {"condition": expression}, ROWS)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "needs field, operator and value"),
        ({"field": "a"}, "needs field, operator and value"),
        ({"operator": "=", "value": 1}, "needs the field"),
        ({"field": "a", "operator": "equls", "value": 1}, "not an operator; found 'equls'.*Did you mean 'equals'"),
        ({"field": "a", "condition": "grater_than", "value": 1}, "Did you mean 'greater_than'"),
        ({"field": "a", "operator": "in", "value": 1}, "in needs a list"),
        ({"field": "a", "operator": "between", "value": [1]}, "two values"),
        ({"field": "a", "operator": "="}, "needs a value"),
        ({"field": "a", "operator": "is_null", "value": 3}, "takes no value"),
        ({"field": "a", "operator": "in", "value": [1, None]}, "only is_null"),
        ({"field": "status", "operator": "matches", "value": "(?<=a)b"}, "not a regular expression"),
        ({"field": "a", "operator": "contains", "value": "x"}, "works on text"),
        ({"field": "a", "operator": ">", "value": "many"}, "not a number"),
        ({"field": "a", "operator": ">", "value": 1, "expression": "b > 1"}, "an expression alone"),
        ({"field": "a", "operator": "=", "valeu": 1}, "unknown key 'valeu'.*Did you mean 'value'"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        transform(Filter, options, ROWS)
