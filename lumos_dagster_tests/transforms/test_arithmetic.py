"""Arithmetic: exact, in the type of the field; division by zero and what does not fit are bad values."""

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster_tests.transforms.running import one, operate

MOST, LEAST = 2**63 - 1, -(2**63)
BAD = None
D = Decimal
MONEY = pa.decimal128(10, 2)


@pytest.mark.parametrize(
    ("operation", "operand", "kind", "values", "expected"),
    [
        ("add", 1, pa.int64(), [1, -1, MOST, None], [2, 0, BAD, None]),
        ("subtract", 1, pa.int64(), [1, LEAST], [0, BAD]),
        ("multiply", 2, pa.int64(), [3, 2**62, -(2**62)], [6, BAD, LEAST]),
        ("multiply", -1, pa.int64(), [LEAST, 5], [BAD, -5]),
        ("modulo", 3, pa.int64(), [7, -7, 0], [1, -1, 0]),
        ("divide", 4, pa.int64(), [10, 1], [D("2.500000"), D("0.250000")]),
        ("divide", 3, pa.int64(), [2], [D("0.666667")]),
        ("multiply", 1.1, pa.int64(), [7, MOST], [D("7.7"), D(MOST) * D("1.1")]),
        ("add", 1, pa.uint64(), [2**64 - 1, 5], [BAD, 6]),
        ("add", 0.1, MONEY, [D("0.20")], [D("0.30")]),
        ("multiply", 3, MONEY, [D("0.10"), D("99999999.99")], [D("0.30"), D("299999999.97")]),
        ("divide", 3, MONEY, [D("1.00"), D("-2.00")], [D("0.333333"), D("-0.666667")]),
        ("modulo", 0.3, MONEY, [D("1.00"), D("-1.00")], [D("0.10"), D("-0.10")]),
        ("add", 1, pa.decimal128(38, 0), [D(10**37), D(5)], [D(10**37 + 1), D(6)]),
        ("add", 0.2, pa.float64(), [0.1, math.inf], [0.1 + 0.2, math.inf]),
        ("multiply", 1e308, pa.float64(), [1e308, 2.0], [BAD, 2e308 if math.inf > 2e308 else BAD]),
        ("divide", 0.5, pa.float64(), [1.0, None], [2.0, None]),
        ("modulo", 3, pa.float64(), [-7.5, 7.5], [-1.5, 1.5]),
        ("add", 0.1, pa.string(), ["0.20", "19.90", "1e2", "x", "", None], ["0.3", "20", "100.1", BAD, BAD, None]),
        ("multiply", 2, pa.string(), ["19.90", "0.000000000000000001", "-3"], ["39.8", "0.000000000000000002", "-6"]),
        ("divide", 4, pa.string(), ["10", "1"], ["2.5", "0.25"]),
        ("divide", 3, pa.string(), ["1"], ["0.333333333333333333"]),
        ("modulo", 2, pa.string(), ["5.5", "-5.5"], ["1.5", "-1.5"]),
        ("multiply", 10, pa.string(), ["9999999999999999999", "99999999999999999999"], ["99999999999999999990", BAD]),
    ],
)
def test_with_a_number(
    operation: str, operand: float, kind: pa.DataType, values: list[Any], expected: list[Any]
) -> None:
    signs = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "modulo": "%"}

    for options in (
        {"operation": operation},
        {"operation": "calculate", "operator": operation},
        {"type": "calculate", "operator": signs[operation]},
    ):
        assert one({**options, "operand": operand, "on_error": "null"}, values, kind) == expected


def test_with_another_field() -> None:
    table = pa.table({"price": pa.array([D("2.50"), D("1.00")], MONEY), "n": [4, 0], "text": ["1.5", "x"]})

    total = operate({"operation": "multiply", "field": "price", "operand": "n", "to": "total"}, table)
    each = operate({"operation": "divide", "field": "price", "operand": "n", "on_error": "null"}, table)
    mixed = operate({"operation": "add", "field": "n", "operand": "text", "to": "m", "on_error": "skip"}, table)

    assert total.rows[0] == {"price": D("2.50"), "n": 4, "text": "1.5", "total": D("10.00")}
    assert total.table.schema.field("total").type == pa.decimal128(38, 2)
    assert each.column("price") == [D("0.625000"), None]
    assert mixed.column("m") == ["5.5"]
    assert mixed.count.skipped == 1


@pytest.mark.parametrize(
    ("operation", "kind", "values", "expected"),
    [
        ({"operation": "round"}, pa.float64(), [2.5, -2.5, 2.4], [3.0, -3.0, 2.0]),
        ({"operation": "round", "decimal_places": 1}, MONEY, [D("0.25"), D("-0.25")], [D("0.3"), D("-0.3")]),
        ({"operation": "round", "decimal_places": 2}, pa.string(), ["19.895", "1", "x"], ["19.9", "1", BAD]),
        ({"operation": "round"}, pa.int32(), [5], [5]),
        ({"operation": "ceil"}, MONEY, [D("1.01"), D("-1.99")], [D("2"), D("-1")]),
        ({"operation": "floor"}, pa.string(), ["1.99", "-1.01"], ["1", "-2"]),
        ({"operation": "ceil"}, pa.float64(), [1.2], [2.0]),
        ({"operation": "abs"}, pa.int64(), [-5, LEAST], [5, BAD]),
        ({"operation": "abs"}, MONEY, [D("-1.50")], [D("1.50")]),
    ],
)
def test_rounding(operation: dict[str, Any], kind: pa.DataType, values: list[Any], expected: list[Any]) -> None:
    assert one({**operation, "on_error": "null"}, values, kind) == expected


@pytest.mark.parametrize(
    ("operation", "value", "reason"),
    [
        ({"operation": "divide", "operand": "zero"}, 1, "division by zero"),
        ({"operation": "modulo", "operand": "zero"}, 1, "division by zero"),
        ({"operation": "add", "operand": 1}, MOST, "does not fit"),
        ({"operation": "add", "operand": "text"}, 1, "'abc' is not a number"),
    ],
)
def test_the_reason_is_told(operation: dict[str, Any], value: int, reason: str) -> None:
    table = pa.table({"x": [value], "zero": [0], "text": ["abc"]})

    with pytest.raises(DataError, match=reason):
        operate({**operation, "field": "x"}, table)


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ({"operation": "divide", "operand": 0}, r"operand: divide: division by zero"),
        ({"operation": "add", "operand": "other"}, r"operand: add: there is no column 'other'"),
        ({"operation": "subtract", "operand": "flag"}, "bool is not a number"),
        ({"operation": "multiply", "operand": True}, "must be a number or the name of a field"),
        ({"operation": "multiply", "operand": 2, "to": "flag"}, "already a column 'flag'"),
        ({"operation": "calculate", "operand": 2, "operator": "plus"}, "not an allowed value"),
        ({"operation": "round", "decimal_places": -1}, "greater than or equal to 0"),
    ],
)
def test_wrong_options_are_told(operation: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        operate({"field": "x", **operation}, pa.table({"x": [1], "flag": [True]}))


def exact_integers(sign: str) -> Callable[[int, int], int | None]:
    def reference(left: int, right: int) -> int | None:
        if sign == "modulo":
            return None if right == 0 else left - right * int(Fraction(left, right))
        result = {"add": left + right, "subtract": left - right, "multiply": left * right}[sign]
        return result if LEAST <= result <= MOST else None

    return reference


integers = st.integers(LEAST, MOST) | st.integers(-9, 9)


@given(
    st.lists(st.tuples(st.none() | integers, st.none() | integers), max_size=20),
    st.sampled_from(["add", "subtract", "multiply", "modulo"]),
    st.integers(1, 5),
)
def test_integers_never_wrap(rows: list[tuple[int | None, int | None]], sign: str, batch: int) -> None:
    table = pa.table(
        {"x": pa.array([row[0] for row in rows], pa.int64()), "y": pa.array([row[1] for row in rows], pa.int64())}
    )
    reference = exact_integers(sign)

    found = operate({"operation": sign, "field": "x", "operand": "y", "on_error": "null"}, table, batch=batch)

    assert found.column("x") == [None if None in row else reference(*row) for row in rows]  # type: ignore[arg-type]


amounts = st.decimals(-(10**8), 10**8, places=2, allow_nan=False, allow_infinity=False)
SIGNS = ["add", "subtract", "multiply", "divide", "modulo"]


@given(st.lists(st.tuples(amounts, amounts), max_size=20), st.sampled_from(SIGNS))
def test_decimals_are_exact(rows: list[tuple[Decimal, Decimal]], sign: str) -> None:
    def reference(left: Decimal, right: Decimal) -> Decimal | None:
        with localcontext(prec=80):
            if sign in ("divide", "modulo") and right == 0:
                return None
            match sign:
                case "divide":
                    return (left / right).quantize(Decimal("0.000001"), ROUND_HALF_UP)
                case "modulo":
                    return left % right
            return {"add": left + right, "subtract": left - right, "multiply": left * right}[sign]

    kind = pa.decimal128(12, 2)
    columns = [pa.array([row[place] for row in rows], kind) for place in (0, 1)]
    table = pa.table({"x": columns[0], "y": columns[1]})
    texts = pa.table({"x": columns[0].cast(pa.string()), "y": columns[1].cast(pa.string())})
    operation = {"operation": sign, "field": "x", "operand": "y", "on_error": "null"}

    expected = [reference(*row) for row in rows]

    assert operate(operation, table).column("x") == expected
    if sign != "divide":
        assert [None if text is None else Decimal(text) for text in operate(operation, texts).column("x")] == expected


@pytest.mark.parametrize(
    ("operation", "value", "kind", "found"),
    [
        ("round", "99.9", pa.decimal128(3, 1), "100"),
        ("round", "-0.99", pa.decimal128(2, 2), "-1"),
        ("floor", "0.99", pa.decimal128(2, 2), "0"),
        ("ceil", "9" * 36 + ".99", pa.decimal128(38, 2), "1" + "0" * 36),
        ("floor", "-" + "9" * 36 + ".99", pa.decimal128(38, 2), "-1" + "0" * 36),
        ("abs", "-" + "9" * 38, pa.decimal128(38, 0), "9" * 38),
    ],
)
def test_nines_gain_a_digit_when_they_are_rounded(operation: str, value: str, kind: pa.DataType, found: str) -> None:
    (given,) = operate(
        {"operation": operation, "field": "x"}, pa.table({"x": pa.array([Decimal(value)], kind)})
    ).column("x")
    assert given == Decimal(found)
    if len(value) < 30:
        assert one({"operation": operation}, [value]) == [found]


def test_all_38_digits_are_added_and_those_that_cannot_be_multiplied_are_told() -> None:
    table = pa.table({"x": pa.array([Decimal("9" * 38)], pa.decimal128(38, 0))})
    assert operate({"operation": "subtract", "field": "x", "operand": 1}, table).column("x") == [
        Decimal("9" * 37 + "8")
    ]
    with pytest.raises(DataError, match="the result does not fit"):
        operate({"operation": "add", "field": "x", "operand": 1}, table)
    with pytest.raises(DataError, match="37 digits are multiplied"):
        operate({"operation": "multiply", "field": "x", "operand": 1}, table)


all_ones = st.builds(lambda times, bits: times * 2**bits - 1, st.integers(1, 9), st.sampled_from([32, 33, 48, 62]))
"""Numbers of which a 32-bit digit is the greatest: to these Arrow's division is wrong (decimals.py)."""


@given(
    st.lists(st.tuples(all_ones, st.sampled_from(["0", "1", "49", "5", "9"]), st.sampled_from([1, -1])), min_size=1),
    st.integers(2, 17),
    st.sampled_from(["1", "3", "10000000000", "12345678901", "1.000000000000001", "4294967296", "99999999999.99"]),
)
def test_no_quotient_is_wrong(numbers: list[tuple[int, str, int]], scale: int, divisor: str) -> None:
    values = [sign * D(f"{whole}.{digits[:scale]:{digits[-1]}<{scale}}") for whole, digits, sign in numbers]
    table = pa.table({"x": pa.array(values, pa.decimal128(38, scale))})

    def found(name: str, **options: Any) -> list[Any]:
        return operate({"operation": name, "field": "x", "on_error": "null", **options}, table).column("x")

    with localcontext(prec=100):
        modes = {"ceil": ROUND_CEILING, "floor": ROUND_FLOOR, "round": ROUND_HALF_UP}
        for name, mode in modes.items():
            assert found(name) == [value.quantize(D(1), mode) for value in values]
        assert found("modulo", operand=divisor) == [value % D(divisor) for value in values]
        quotients = found("divide", operand=divisor)
        unit = D(1).scaleb(-max(scale, 6, len(divisor.partition(".")[2])))
        assert quotients == [(value / D(divisor)).quantize(unit, ROUND_HALF_UP) for value in values]
