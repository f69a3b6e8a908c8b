"""SQL scalar expressions: each function against plain Python, what is bad, and errors that point."""

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster_tests.transforms.running import operate

TABLE = pa.table(
    {
        "a": pa.array([1, 0, None, 4], pa.int64()),
        "t": ["5", "x", None, "héllo"],
        "d": pa.array([Decimal("1.50"), None, Decimal("2.25"), Decimal(0)], pa.decimal128(5, 2)),
        "f": [1.0, None, 4.0, 9.0],
        "day": [date(2026, 1, 2), None, date(2024, 2, 29), date(2000, 1, 1)],
        "b": [True, False, None, True],
    }
)


@pytest.mark.parametrize("name", ["expression", "compute"])
def test_a_field_is_set_in_its_place_or_comes_last(name: str) -> None:
    result = operate(
        [
            {"operation": name, "field": "a", "expression": "coalesce(a, 0) * 2"},
            {"type": name, "field": "new", "expression": "a + 1"},
        ],
        TABLE,
    )

    assert result.table.schema.names == [*TABLE.schema.names, "new"]
    assert result.column("a") == [2, 0, 0, 8]
    assert result.column("new") == [3, 1, 1, 9]


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("case when a > 1 then 'big' when a = 1 then 'one' else 'none' end", ["one", "none", "none", "big"]),
        ("case a when 1 then 'one' when 4 then 'four' end", ["one", None, None, "four"]),
        ("case when b then a else d end", [Decimal("1.00"), None, Decimal("2.25"), Decimal("4.00")]),
        ("case when t > 4 then 1 else 0 end", [1, 0, 0, 0]),
        ("iif(a > 1, 2, 3)", [3, 3, 3, 2]),
        ("coalesce(a, d, 0)", [Decimal("1.00"), Decimal("0.00"), Decimal("2.25"), Decimal("4.00")]),
        ("coalesce(t, 0)", ["5", "x", "0", "héllo"]),
        ("ifnull(a, -1)", [1, 0, -1, 4]),
        ("nullif(a, 0)", [1, None, None, 4]),
        ("greatest(a, 2)", [2, 2, 2, 4]),
        ("least(d, 2)", [Decimal("1.50"), Decimal("2.00"), Decimal("2.00"), Decimal("0.00")]),
        ("cast(a as text)", ["1", "0", None, "4"]),
        ("cast(a as decimal(4,1))", [Decimal("1.0"), Decimal("0.0"), None, Decimal("4.0")]),
        ("try_cast(t as int)", [5, None, None, None]),
        ("try_cast(t as int) + 1", [6, None, None, None]),
        ("substr(t, 2, 2)", ["", "", None, "él"]),
        ("substr(t, -2)", ["5", "x", None, "lo"]),
        ("left(t, 2) || right(t, 1)", ["55", "xx", None, "héo"]),
        ("lpad(t, 3, '0')", ["005", "00x", None, "hél"]),
        ("rpad(t, 2)", ["5 ", "x ", None, "hé"]),
        ("replace(t, 'l', '-')", ["5", "x", None, "hé--o"]),
        ("reverse(t)", ["5", "x", None, "olléh"]),
        ("concat(t, '-', a)", ["5-1", "x-0", "-", "héllo-4"]),
        ("instr(t, 'l')", [0, 0, None, 3]),
        ("starts_with(t, 'h')", [False, False, None, True]),
        ("ltrim('  x ') || rtrim(' y ')", ["x  y"] * 4),
        ("power(a, 2)", [1.0, 0.0, None, 16.0]),
        ("sqrt(f)", [1.0, None, 2.0, 3.0]),
        ("ceil(d) + floor(d)", [Decimal(3), None, Decimal(5), Decimal(0)]),
        ("year(day) * 10000 + month(day) * 100 + day(day)", [20260102, None, 20240229, 20000101]),
        ("t || null", [None] * 4),
        ("null", [None] * 4),
        ("6 / 4 + 1", [Decimal("2.5")] * 4),
        ("case when a <> 0 then 8 / a else 0 end", [Decimal(8), Decimal(0), Decimal(0), Decimal(2)]),
        ("case when 8 / a > 4 then 'many' else 'few' end", ["many", "few", "few", "few"]),
    ],
)
def test_functions(expression: str, values: list[Any]) -> None:
    for batch in (1, 4):
        result = operate({"operation": "expression", "field": "r", "expression": expression}, TABLE, batch=batch)
        assert result.column("r") == values


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("8 / a", [1, None, 4]),
        ("coalesce(8 / a, 7)", [1, None, 4]),
        ("coalesce(a, 1 / a)", [1, 0, None, 4]),
        ("case when a = 0 then 8 / a else 1 end", [1, None, 4]),
        ("nullif(8 / a, 1)", [1, None, 4]),
        ("concat('x', 8 / a)", [1, None, 4]),
        ("greatest(8 / a, 1)", [1, None, 4]),
        ("cast(t as int)", [1, None]),
        ("sqrt(a - 1)", [1, None, 4]),
        ("power(f, 400)", [1, 0, None]),
    ],
)
def test_what_fails_is_bad_and_a_null_that_is_meant_is_not(expression: str, kept: list[int | None]) -> None:
    operation = {"operation": "expression", "field": "r", "expression": expression}
    if len(kept) < 4:
        with pytest.raises(DataError, match="the expression gives no value for this row"):
            operate(operation, TABLE)

    result = operate({**operation, "on_error": "reject"}, TABLE)

    assert result.column("a") == kept
    assert result.count.rejected == 4 - len(kept)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("foo(a)", "at character 1: FOO"),
        ("1 + max(a)", "at character 5: MAX"),
        ("a + read_csv('x')", "at character 5: READ_CSV"),
        ("a in (select 1)", "not known here"),
        ("a; b", "not one expression"),
        ("length(t) + b", "at character 8: bool is not a number"),
        ("case when a then 1 end", "at character 11: a condition is needed here, but this is int64"),
        ("case when b then a else b end", "different types: int64, bool"),
        ("replace(t, 'l', ", "at character"),
        ("replace(nosuch, 'l', 'x')", "at character 9: there is no column 'nosuch'"),
        ("substr(t, a)", "at character 11: a constant is needed"),
        ("substr(t, 1.5)", "a whole number is needed"),
        ("lpad(t, 3, 'ab')", "one character"),
        ("year(t)", "year needs a date or timestamp"),
        ("cast(b as date)", "bool cannot become date32"),
        ("greatest(t, 1)", "cast the text first"),
        ("a / 0", "division by zero"),
        ("a over ()", "character"),
        ("substr(t)", "substr needs its start"),
        ("replace(t, 'x')", "replace needs its replacement"),
        ("round(d, -1)", "0 to 18 digits"),
    ],
)
def test_a_wrong_expression_is_pointed_at(expression: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        operate({"operation": "expression", "field": "r", "expression": expression}, TABLE)


def test_a_constant_that_fails_is_told() -> None:
    for expression in ("cast('x' as int)", "power(10, 400)"):
        with pytest.raises(DataError, match="has no value, whatever the row"):
            operate({"operation": "expression", "field": "r", "expression": expression}, TABLE)


rows = st.tuples(st.none() | st.integers(-3, 3), st.none() | st.text("abé ", max_size=4))


@given(st.lists(rows, max_size=12), st.integers(1, 12))
def test_expressions_are_what_python_says(values: list[tuple[int | None, str | None]], batch: int) -> None:
    def python(n: int | None, t: str | None) -> tuple[Any, ...]:
        return (
            "pos" if n is not None and n > 0 else t,
            n if n is not None else len(t) if t is not None else -1,
            None if n == 2 else n,
            None if t is None else t[1:3],
            None if t is None else t.find("b") + 1,
            max([2, *([n] if n is not None else [])]),
            None if n is None or t is None else str(n) + t.replace("a", "").upper(),
        )

    expressions = [
        "case when n > 0 then 'pos' else t end",
        "coalesce(n, length(t), -1)",
        "nullif(n, 2)",
        "substr(t, 2, 2)",
        "instr(t, 'b')",
        "greatest(n, 2)",
        "cast(n as text) || upper(replace(t, 'a', ''))",
    ]
    table = pa.table(
        {
            "n": pa.array([row[0] for row in values], pa.int64()),
            "t": pa.array([row[1] for row in values], pa.string()),
        }
    )
    chain = [
        {"operation": "compute", "field": f"r{place}", "expression": expression}
        for place, expression in enumerate(expressions)
    ]

    result = operate(chain, table, batch=batch)

    found = list(zip(*(result.column(f"r{place}") for place in range(len(expressions))), strict=True))
    assert found == [python(*row) for row in values]


@pytest.mark.parametrize("deep", ["(" * 500 + "x" + ")" * 500, "+".join(["x"] * 3000), "abs(" * 200 + "x" + ")" * 200])
def test_what_is_nested_too_deeply_is_told(deep: str) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        operate({"operation": "compute", "field": "y", "expression": deep}, pa.table({"x": [1]}))


def test_a_query_is_pointed_at() -> None:
    with pytest.raises(ConfigError, match=r"at character 5: .*is not known here"):
        operate({"operation": "compute", "field": "y", "expression": "x + (select 1)"}, pa.table({"x": [1]}))
