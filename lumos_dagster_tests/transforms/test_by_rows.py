"""Each operation against a plain reference that takes one value at a time, over random columns, in batches of any size."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.transforms.operations import OPERATIONS
from lumos_dagster_tests.transforms.running import operate

BAD = object()
TEXTS = st.text("abÉß1 ,$\n", max_size=8)
NUMBERS = st.integers(-30, 30)


@dataclass(frozen=True)
class Case:
    """An operation on `x`, the values that x may have, and what Python makes of one of them."""

    operation: dict[str, Any]
    values: st.SearchStrategy[Any]
    python: Callable[[Any], Any]
    kind: pa.DataType


def text(python: Callable[[str], Any], name: str, **options: Any) -> Any:
    return pytest.param(Case({"operation": name, **options}, TEXTS, python, pa.string()), id=f"{name} {options}")


def number(python: Callable[[int], Any], name: str, **options: Any) -> Any:
    return pytest.param(Case({"operation": name, **options}, NUMBERS, python, pa.int64()), id=f"{name} {options}")


def hidden(value: str, start: int, end: int) -> str:
    if len(value) <= start + end:
        return "*" * len(value)
    return value[:start] + "*" * (len(value) - start - end) + value[len(value) - end :]


def found(pattern: str, value: str, group: int) -> str | None:
    match = re.search(pattern, value)
    return match[group] if match else None


def bad_unless(holds: Callable[[Any], bool]) -> Callable[[Any], Any]:
    return lambda value: value if holds(value) else BAD


def quotient(value: int) -> Any:
    return Decimal(60) / value if value else BAD


CASES = [
    text(str.upper, "uppercase"),
    text(str.lower, "lowercase"),
    text(str.strip, "trim"),
    text(str.lstrip, "ltrim"),
    text(str.rstrip, "rtrim"),
    text(lambda value: value[:1].title() + value[1:].lower(), "capitalize"),
    text(str.title, "title"),
    text(lambda value: value.replace("a", "$1"), "replace", find="a", replacement="$1"),
    text(lambda value: re.sub("a+(b?)", r"<\1>", value), "regex_replace", pattern="a+(b?)", replacement="<$1>"),
    text(lambda value: re.sub("[ab]", "", value, count=1), "regex_replace", pattern="[ab]", replacement="", all=False),
    text(lambda value: found("([ab])[^ab]", value, 1), "regex_extract", pattern="([ab])[^ab]"),
    text(lambda value: found("[ab]+", value, 0), "regex_extract", pattern="[ab]+"),
    text(lambda value: value[2:5], "substring", start=2, length=3),
    text(lambda value: value[-3:], "substring", start=-3),
    text(lambda value: value[-3:][:1], "substring", start=-3, length=1),
    text(lambda value: value.rjust(5, "é"), "pad", length=5, character="é"),
    text(lambda value: value.ljust(5), "pad", length=5, side="right"),
    text(lambda value: hidden(value, 1, 2), "mask", keep_start=1, keep_end=2),
    text(lambda value: hidden(value, 0, 0), "mask"),
    text(lambda value: hashlib.sha256(b"s" + value.encode()).hexdigest(), "hash", salt="s"),
    text(lambda value: hashlib.md5(value.encode()).hexdigest(), "hash", algorithm="md5"),
    text(lambda value: json.dumps(value, ensure_ascii=False), "to_json"),
    text(lambda value: {"a": "A", "": None}.get(value, "?"), "map_values", mapping={"a": "A", "": None}, default="?"),
    text(lambda value: {"a": "A"}.get(value, value), "map_values", mapping={"a": "A"}, keep_others=True),
    text(bad_unless(lambda value: value in ("a", "b")), "validate", rule="accepted", values=["a", "b"]),
    text(
        bad_unless(lambda value: re.fullmatch("[ab]*", value) is not None), "validate", rule="pattern", pattern="[ab]*"
    ),
    text(bad_unless(lambda value: 1 <= len(value) <= 3), "validate", rule="length", min=1, max=3),
    text(lambda value: None if value in ("a", "") else value, "null_if", value=["a", ""]),
    number(lambda value: {1: "one", -1: "minus"}.get(value, BAD), "map_values", mapping={1: "one", -1: "minus"}),
    number(bad_unless(lambda value: -5 <= value <= 5), "validate", rule="range", min=-5, max=5),
    number(lambda value: value + 7, "add", operand=7),
    number(lambda value: value - 7, "calculate", operator="-", operand=7),
    number(lambda value: value * -3, "multiply", operand=-3),
    number(lambda value: value - 7 * int(value / 7), "modulo", operand=7),
    number(abs, "abs"),
    number(lambda value: f"{value * 100}%", "format_field", formatter="percent"),
    number(lambda value: f"{value:.2f}", "format_field", formatter="currency"),
    number(str, "to_json"),
    number(str, "convert_field", type="string"),
    number(quotient, "expression", expression="60 / x"),
]


@pytest.mark.parametrize("case", CASES)
@given(data=st.data(), batch=st.integers(1, 12), staged=st.booleans())
def test_an_operation_is_what_python_says(case: Case, data: st.DataObject, batch: int, staged: bool) -> None:
    values = data.draw(st.lists(st.none() | case.values, max_size=12))
    table = pa.table({"row": range(len(values)), "x": pa.array(values, case.kind)})
    expected = [None if value is None else case.python(value) for value in values]

    result = operate({"field": "x", "on_error": "reject", **case.operation}, table, batch=batch, staged=staged)
    nulled = operate({"field": "x", **case.operation, "on_error": "null"}, table, batch=batch)

    kept = [place for place, value in enumerate(expected) if value is not BAD]
    assert result.column("row") == kept
    found = result.column("x")
    assert [round(value, 6) if isinstance(value, Decimal) else value for value in found] == [
        round(expected[place], 6) if isinstance(expected[place], Decimal) else expected[place] for place in kept
    ]
    assert result.count.rejected == nulled.count.nulled == len(values) - len(kept)
    assert nulled.table.num_rows == len(values)
    assert [value for place, value in enumerate(nulled.column("x")) if place not in kept] == [None] * (
        len(values) - len(kept)
    )


ROWS = st.fixed_dictionaries({
    "t": st.none() | TEXTS,
    "i": st.none() | NUMBERS,
    "d": st.none() | st.decimals(-99, 99, places=3),
    "o": st.none() | st.fixed_dictionaries({
        "a": st.none() | NUMBERS, "b": st.none() | st.fixed_dictionaries({"c": st.none() | TEXTS}),
    }),
})  # fmt: skip
COLUMNS = pa.schema({
    "t": pa.string(), "i": pa.int64(), "d": pa.decimal128(9, 3),
    "o": pa.struct({"a": pa.int64(), "b": pa.struct({"c": pa.string()})}),
})  # fmt: skip


def row(python: Callable[[dict[str, Any]], dict[str, Any] | None], name: str, **options: Any) -> Any:
    """An operation on whole rows, and the row that Python makes of one; None where it is left out."""
    return pytest.param({"operation": name, **options}, python, id=f"{name} {options}")


def within(value: dict[str, Any] | None, *keys: str) -> Any:
    for key in keys:
        value = None if value is None else value[key]
    return value


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def rounded(value: Decimal | None, places: str, how: str) -> Decimal | None:
    return None if value is None else value.quantize(Decimal(places), how)


def cut(value: str | None, into: int) -> list[str | None]:
    parts: list[str | None] = [] if value is None else list(value.split(",", into - 1))
    return parts + [None] * (into - len(parts))


BY_ROWS = [
    row(lambda row: {("n" if name == "t" else name): value for name, value in row.items()}, "rename_field",
        **{"from": "t", "to": "n"}),
    row(lambda row: {"i": row["t"], "t": row["i"], "d": row["d"], "o": row["o"]}, "rename_field",
        fields={"t": "i", "i": "t"}),
    row(lambda row: without(row, "t", "o"), "remove_field", fields=["o", "t"]),
    row(lambda row: {"d": row["d"], "t": row["t"]}, "select_fields", fields=["d", "t"]),
    row(lambda row: {**row, "n": 7}, "add_field", field="n", value=7),
    row(lambda row: {**row, "n": None if row["i"] is None else row["i"] + 1}, "add_field", field="n", expression="i + 1"),
    row(lambda row: row, "add_field", field="t", value="new", overwrite=False),
    row(lambda row: {**row, "n": None if None in (row["t"], row["i"]) else f"{row['t']}-{row['i']}"}, "merge_fields",
        fields=["t", "i"], to="n", separator="-"),
    row(lambda row: {**row, "t": "-".join(str(row[name]) for name in ("t", "i") if row[name] is not None)},
        "merge_fields", fields=["t", "i"], to="t", separator="-", skip_nulls=True),
    row(lambda row: {**row, "a": cut(row["t"], 2)[0], "b": cut(row["t"], 2)[1]}, "split_field", field="t",
        separator=",", into=["a", "b"]),
    row(lambda row: {**row, "d": rounded(row["d"], "0.1", ROUND_HALF_UP)}, "round", field="d", decimal_places=1),
    row(lambda row: {**row, "d": rounded(row["d"], "1", ROUND_CEILING)}, "ceil", field="d"),
    row(lambda row: {**row, "d": rounded(row["d"], "1", ROUND_FLOOR)}, "floor", field="d"),
    row(lambda row: {**row, "i": 9 if row["i"] is None else row["i"]}, "fill_null", field="i", value=9),
    row(lambda row: {**without(row, "o"), "o_a": within(row["o"], "a"), "o_b_c": within(row["o"], "b", "c")}, "flatten",
        field="o"),
    row(lambda row: {**row, "a": within(row["o"], "a"), "b": within(row["o"], "b")}, "flatten", field="o", prefix="",
        depth=1, keep=True),
    row(lambda row: row if row["i"] is not None and row["i"] > 3 else None, "filter_field", field="i", operator=">",
        value=3),
    row(lambda row: {**row, "n": json.dumps({"t": row["t"], "i": row["i"]}, ensure_ascii=False, separators=(",", ":"))},
        "to_json", fields=["t", "i"], to="n"),
    row(lambda row: {**row, "n": None if row["o"] is None else within(row["o"], "b", "c")}, "extract", field="o",
        path="b.c", to="n"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "python"), BY_ROWS)
@given(rows=st.lists(ROWS, max_size=12), batch=st.integers(1, 12), staged=st.booleans())
def test_rows_are_what_python_makes_of_them(
    operation: dict[str, Any], python: Callable[[Any], Any], rows: list[Any], batch: int, staged: bool
) -> None:
    result = operate(operation, pa.Table.from_pylist(rows, COLUMNS), batch=batch, staged=staged)

    expected = [changed for one in rows if (changed := python(one)) is not None]
    assert result.rows == expected
    assert result.count.filtered == len(rows) - len(expected)


def test_no_operation_is_left_out() -> None:
    """Dates and zones, conversions, JSON documents and what makes rows of rows have properties of their own."""
    elsewhere = {"format_date", "parse_json", "explode", "subtract", "divide"}
    named = {case.values[0].operation["operation"] for case in CASES} | {
        case.values[0]["operation"] for case in BY_ROWS
    }

    assert {operation.names[0] for operation in OPERATIONS} <= named | elsewhere


@given(st.lists(st.none() | st.integers(0, 6) | st.integers(), max_size=30), st.integers(1, 30))
def test_unique_keeps_the_first_of_the_whole_stream(values: list[int | None], batch: int) -> None:
    kept = [place for place, value in enumerate(values) if value is None or value not in values[:place]]
    for kind in (pa.string(), pa.decimal128(38, 0)):
        column = pa.array([None if value is None else str(value) for value in values]).cast(kind)
        table = pa.table({"row": range(len(values)), "x": column})

        result = operate({"operation": "validate", "field": "x", "rule": "unique"}, table, batch=batch)

        assert result.column("row") == kept
        assert result.count.rejected == len(values) - len(kept)


def test_unique_over_many_batches() -> None:
    values = [place * 7919 % 5003 for place in range(20_000)]

    result = operate(
        {"operation": "validate", "field": "x", "rule": "unique", "on_error": "skip"}, pa.table({"x": values}), batch=97
    )

    assert sorted(result.column("x")) == list(range(5003))
    assert result.column("x") == values[:5003]
