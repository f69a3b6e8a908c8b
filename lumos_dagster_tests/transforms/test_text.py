"""Operations on text, nulls and the writing of numbers."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.errors import ConfigError
from lumos_dagster_tests.transforms.running import one, operate


@pytest.mark.parametrize(
    ("operation", "text", "changed"),
    [
        ("uppercase", "straße é", "STRASSE É"),
        ("upper", "x", "X"),
        ("lowercase", "ÀÉ", "àé"),
        ("lower", "X", "x"),
        ("capitalize", "éLAN VITAL", "Élan vital"),
        ("capitalize", "", ""),
        ("capitalize", "ǆUNGLA", "ǅungla"),
        ("capitalize", "ﬁN", "Fin"),
        ("title", "the élan vital", "The Élan Vital"),
        ("trim", "\u3000 a b\u00a0\n", "a b"),
        ("ltrim", "  a ", "a "),
        ("rtrim", "  a ", "  a"),
    ],
)
def test_text_changes(operation: str, text: str, changed: str) -> None:
    assert one({"operation": operation}, [text, None]) == [changed, None]
    table = pa.table({"a": pa.array([text], pa.large_string()), "b": [text], "c": [text]})
    result = operate({"type": operation, "fields": ["a", "b"]}, table)
    assert result.rows == [{"a": changed, "b": changed, "c": text}]
    assert result.table.schema == table.schema


def test_replace_takes_no_pattern() -> None:
    assert one({"operation": "replace", "find": ".", "replacement": ","}, ["1.5.0", None]) == ["1,5,0", None]
    assert one({"operation": "replace", "from": "$1", "to": ""}, ["a$1b"]) == ["ab"]


def test_merge() -> None:
    table = pa.table(
        {"a": ["x", None, ""], "n": [1, 2, None], "d": pa.array([Decimal("1.50")] * 3, pa.decimal128(5, 2))}
    )

    plain = operate({"operation": "merge_fields", "fields": ["a", "n"], "to": "m", "separator": "-"}, table)
    skipping = operate(
        {"type": "concat", "fields": ["a", "n", "d"], "to": "a", "separator": ",", "skip_nulls": True}, table
    )

    assert plain.column("m") == ["x-1", None, None]
    assert skipping.column("a") == ["x,1,1.50", "2,1.50", ",1.50"]
    with pytest.raises(ConfigError, match="already a column 'd'"):
        operate({"operation": "merge_fields", "fields": ["a", "n"], "to": "d"}, table)


def test_split_loses_nothing() -> None:
    names = ["one", "two"]
    table = pa.table({"x": ["a|b|c", "a", "", None]})

    result = operate({"operation": "split_field", "field": "x", "separator": "|", "into": names}, table)
    limited = operate({"type": "split", "field": "x", "separator": "|", "into": names, "limit": 1}, table)

    assert [result.column(name) for name in names] == [["a", "a", "", None], ["b|c", None, None, None]]
    assert limited.column("one") == ["a|b|c", "a", "", None]
    assert limited.column("two") == [None] * 4
    with pytest.raises(ConfigError, match="already a column 'x'"):
        operate(
            {"operation": "split", "field": "y", "separator": "|", "into": ["x"]}, table.append_column("y", [["a"] * 4])
        )


@given(st.lists(st.none() | st.text("ab|", max_size=6), max_size=10), st.integers(1, 3))
def test_split_is_what_python_says(texts: list[str | None], parts: int) -> None:
    names = [f"p{place}" for place in range(parts)]
    table = pa.table({"x": pa.array(texts, pa.string())})

    result = operate({"operation": "split", "field": "x", "separator": "|", "into": names}, table, batch=3)

    for text, row in zip(texts, result.rows, strict=True):
        expected = [None] * parts if text is None else text.split("|", parts - 1)
        assert [row[name] for name in names] == [*expected, *[None] * (parts - len(expected))]


def test_fill_null_and_null_if() -> None:
    table = pa.table({"n": [1, None], "t": ["x", None], "d": pa.array([None, Decimal("1.50")], pa.decimal128(5, 2))})

    filled = operate(
        [
            {"operation": "fill_null", "fields": ["n", "t"], "value": 7},
            {"operation": "default_value", "field": "d", "value": "0.25"},
        ],
        table,
    )
    emptied = operate(
        [
            {"operation": "null_if", "field": "n", "value": 1},
            {"operation": "null_if", "field": "t", "value": ["x", "y"]},
        ],
        table,
    )

    assert filled.rows == [{"n": 1, "t": "x", "d": Decimal("0.25")}, {"n": 7, "t": "7", "d": Decimal("1.50")}]
    assert filled.table.schema == table.schema
    assert (emptied.column("n"), emptied.column("t")) == ([None, None], [None, None])
    with pytest.raises(ConfigError, match=r"value: fill_null: the value is not an int64"):
        operate({"operation": "fill_null", "field": "n", "value": "x"}, table)


@pytest.mark.parametrize(
    ("formatter", "options", "value", "written"),
    [
        ("currency", {}, "1234.5", "1234.50"),
        ("currency", {"prefix": "¥"}, "-0.005", "-¥0.01"),
        ("currency", {"decimal_places": 0, "suffix": " kr"}, 99.5, "100 kr"),
        (
            "currency",
            {"prefix": "€", "thousands_separator": ".", "decimal_separator": ","},
            1234567.891,
            "€1.234.567,89",
        ),
        ("currency", {"thousands_separator": " "}, 999, "999.00"),
        ("currency", {"decimal_places": 2}, 2.675, "2.68"),
        ("currency", {}, 1e-20, "0.00"),
        ("number", {}, "007.50", "7.5"),
        ("number", {"thousands_separator": ","}, -1000, "-1,000"),
        ("number", {"decimal_places": 3}, Decimal("1.5"), "1.500"),
        ("percent", {}, 0.256, "25.6%"),
        ("percent", {"decimal_places": 1}, "0.12345", "12.3%"),
        ("percent", {"suffix": " %"}, 1, "100 %"),
        ("string", {"prefix": "<", "suffix": ">"}, 5, "<5>"),
        ("string", {"prefix": "no. "}, "x", "no. x"),
    ],
)
def test_format_field(formatter: str, options: dict[str, Any], value: Any, written: str) -> None:
    kind = pa.array([value]).type
    operation = {"operation": "format_field", "formatter": formatter, "options": options}

    assert one(operation, [value, None], kind) == [written, None]


def test_what_cannot_be_formatted() -> None:
    operation = {"operation": "format_field", "formatter": "number", "on_error": "null"}

    assert one(operation, ["1", "x", ""]) == ["1", None, None]
    with pytest.raises(ConfigError, match="a number is needed"):
        one(operation, [True], pa.bool_())
    with pytest.raises(ConfigError, match="unknown key 'decimals'"):
        one({**operation, "options": {"decimals": 1}}, ["1"])


def test_groups_in_a_replacement() -> None:
    operation = {"operation": "regex_replace", "pattern": "(?P<n>[0-9])(x)?", "replacement": "<$${n}y$2$$>"}

    assert one(operation, ["a1x2", None]) == ["a<1yx$><2y$>", None]
    for replacement in ("$1a", "$${nope}", "$3"):
        with pytest.raises(ConfigError, match="the pattern has no group"):
            one({**operation, "replacement": replacement}, ["x"])


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ({"operation": "regex_replace", "pattern": "(?=a)", "replacement": ""}, "look-around"),
        ({"operation": "regex_replace", "pattern": "(a)\\1", "replacement": ""}, "backreferences|not a regular"),
        ({"operation": "regex_extract", "pattern": "(a)", "group": 2}, "has 1 groups, but group is 2"),
        ({"operation": "regex_extract", "pattern": "(?P<b>a)", "group": "c"}, "no group named 'c'; it has: b"),
        ({"operation": "map_values", "mapping": {"a": 1, "b": "x"}}, "of one type"),
        ({"operation": "map_values", "mapping": {"a": 1}, "keep_others": True}, "others cannot stay"),
        ({"operation": "map_values", "mapping": {"a": "1"}, "keep_others": True, "default": "x"}, "exclude each other"),
        ({"operation": "map_values", "mapping": {5: "1", "5": "2"}}, "mapped twice"),
        ({"operation": "map_values", "mapping": {}}, "mapping"),
        ({"operation": "pad", "length": 5, "character": "ab"}, "character"),
        ({"operation": "hash", "algorithm": "sha1"}, "algorithm"),
        ({"operation": "validate", "rule": "range"}, "rule range takes min and max"),
        ({"operation": "validate", "rule": "unique", "min": 1}, "rule unique takes no other option"),
        ({"operation": "validate", "rule": "length", "max": -1}, "whole numbers from 0"),
        ({"operation": "validate", "rule": "pattern", "pattern": "("}, "not a regular expression"),
    ],
)
def test_wrong_options_are_told_before_the_first_row(operation: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        one(operation, ["x"])


@pytest.mark.parametrize("name", ["regex_replace", "regex_extract", "substring", "pad"])
def test_only_text_is_changed_as_text(name: str) -> None:
    options = {
        "regex_replace": {"pattern": "a", "replacement": ""},
        "regex_extract": {"pattern": "a"},
        "pad": {"length": 3},
    }
    with pytest.raises(ConfigError, match="column 'x' is int64, but text is needed"):
        one({"operation": name, **options.get(name, {})}, [1], pa.int64())
