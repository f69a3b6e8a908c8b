"""Bad values and filtered rows: every row is accounted for, and named by its number in the input."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.accounting import Book, OnError, Rule, Verdict
from lumos_dagster.errors import DataError
from lumos_dagster.interface import Deferred, Transformation
from lumos_dagster.relation import Relation
from lumos_dagster.transforms.json import Json
from lumos_dagster_tests.transforms.running import RUN, operate

TABLE = pa.table({"id": ["a", "b", "c", "d", "e"], "n": ["1", "x", "3", "y", None]})
CHAIN: list[dict[str, Any]] = [
    {"operation": "filter_field", "field": "id", "operator": "!=", "value": "a"},
    {"operation": "rename_field", "from": "n", "to": "number"},
    {"operation": "convert_field", "field": "number", "type": "int"},
]


def test_fail_names_the_row_in_the_input() -> None:
    for batch in (1, 2, 5):
        with pytest.raises(DataError, match="clean: row 2: convert_field: field 'number': value 'x': is not int"):
            operate(CHAIN, TABLE, batch=batch)


def test_null_counts_values() -> None:
    result = operate(CHAIN, TABLE, on_error="null")

    assert result.column("number") == [None, 3, None, None]
    assert (result.count.nulled, result.count.filtered, result.count.rows_out) == (2, 1, 4)


def test_skip_drops_and_counts() -> None:
    result = operate(CHAIN, TABLE, on_error="skip", batch=2)

    assert result.rows == [{"id": "c", "number": 3}, {"id": "e", "number": None}]
    assert (result.count.skipped, result.count.filtered, result.count.rejected) == (2, 1, 0)


def test_rejects_are_kept_with_the_row_as_it_came(tmp_path: Path) -> None:
    result = operate(CHAIN, TABLE, on_error="reject", batch=2, storage=tmp_path)

    assert [row["id"] for row in result.rows] == ["c", "e"]
    assert result.count.rejected == 2
    assert [
        {key: bad[key] for key in ("number", "operation", "field", "value", "reason", "row")} for bad in result.rejects
    ] == [
        {
            "number": number,
            "operation": "convert_field",
            "field": "number",
            "value": value,
            "reason": "is not int",
            "row": {"id": name, "n": value},
        }
        for number, name, value in ((2, "b", "x"), (4, "d", "y"))
    ]


def test_an_operations_own_way_wins() -> None:
    chain = [CHAIN[0], CHAIN[1], CHAIN[2] | {"on_error": "null"}]

    assert operate(chain, TABLE, on_error="reject").count.nulled == 2


def test_a_row_that_is_bad_twice_is_rejected_once() -> None:
    table = pa.table({"a": ["x", "1"], "b": ["y", "2"]})

    result = operate({"operation": "convert", "fields": ["a", "b"], "to_type": "int"}, table, on_error="reject")

    assert result.rows == [{"a": 1, "b": 2}]
    assert (result.count.rejected, result.count.rows_out) == (1, 1)


def test_too_many_rejects_end_the_op(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 rows were rejected, more than max_rejects 1"):
        operate(CHAIN, TABLE, on_error="reject", max_rejects="1", storage=tmp_path)


def test_no_rows_keep_the_schema() -> None:
    result = operate(CHAIN, TABLE.slice(0, 0))

    assert result.table.schema.names == ["id", "number"]
    assert result.table.schema.types == [pa.string(), pa.int64()]
    assert result.rows == []


def test_all_rows_filtered_keep_the_schema() -> None:
    chain: list[dict[str, Any]] = [{"operation": "filter", "field": "id", "operator": "=", "value": "nobody"}, *CHAIN]

    assert operate(chain, TABLE).table.schema.names == ["id", "number"]


def test_types_that_polars_lacks_pass_through_untouched() -> None:
    table = pa.table(
        {
            "keep": ["1", "x", "3"],
            "time": pa.array([1, None, 3], pa.time32("s")),
            "fixed": pa.array([b"ab", b"cd", None], pa.binary(2)),
            "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
            "wide": pa.array([Decimal(10**50), None, Decimal(1)], pa.decimal256(60, 2)),
            "interval": pa.array([(1, 2, 3), None, (4, 5, 6)], pa.month_day_nano_interval()),
            "dictionary": pa.array(["p", None, "q"]).dictionary_encode(),
            "uuid": pa.array([b"0" * 16, None, b"1" * 16], pa.uuid()),
            "zone": pa.array([1, None, 3], pa.timestamp("s", "+08:00")),
            "nothing": pa.nulls(3),
            "half": pa.array([1.5, None, 2.0], pa.float16()),
            "nested": pa.array([[{"a": 1}], None, []], pa.list_(pa.struct([("a", pa.int8())]))),
        }
    )
    chain: list[dict[str, Any]] = [
        {"operation": "convert", "field": "keep", "to_type": "int", "on_error": "skip"},
        {"operation": "rename", "fields": {"map": "renamed", "time": "map"}},
        {"operation": "filter", "field": "interval", "operator": "is_not_null"},
    ]

    result = operate(chain, table)

    expected = table.take([0, 2]).rename_columns(
        [{"map": "renamed", "time": "map"}.get(name, name) for name in table.column_names]
    )
    assert result.table.drop_columns("keep").equals(expected.drop_columns("keep"))
    assert result.column("keep") == [1, 3]


def test_verdicts_count_what_broke_each_rule_whatever_became_of_it() -> None:
    chain = [
        {"operation": "validate", "field": "n", "rule": "not_null", "on_error": "skip"},
        {"type": "validate", "fields": ["id", "n"], "rule": "length", "max": 1},
        {"operation": "validate", "field": "n", "rule": "pattern", "pattern": "[0-9]", "on_error": "null"},
    ]
    table = pa.table({"id": ["a", "bb", "c", "d"], "n": ["1", "2", None, "x"]})

    for batch in (1, 4):
        result = operate(chain, table, batch=batch)

        assert result.verdicts == {
            Rule("n", "not_null"): Verdict(4, 1),
            Rule("id", "length"): Verdict(3, 1),
            Rule("n", "length"): Verdict(2, 0),
            Rule("n", "pattern"): Verdict(2, 1),
        }
    assert tuple(result.verdicts) == Json.rules({"transforms": chain})


def test_a_rule_that_ends_the_op_has_its_verdict() -> None:
    book = Book(RUN)
    options = {"transforms": [{"operation": "validate", "field": "n", "rule": "not_null", "on_error": "fail"}]}
    step = Transformation(Deferred("clean", Json, options, RUN))

    with pytest.raises(DataError, match="must not be null"), Relation.of(TABLE).pipe(step).open(book) as rows:
        rows.read_all()

    assert book.tasks["clean"].verdicts == {Rule("n", "not_null"): Verdict(5, 1)}


def test_rules_that_only_a_placeholder_tells_are_left_out() -> None:
    chain = [
        {"operation": "validate", "field": ["${vars.f}", "b"], "rule": "unique"},
        {"operation": "validate", "field": "b", "rule": "unique"},
        "${REST}",
    ]

    assert Json.rules({"transforms": chain}) == (Rule("b", "unique"),)
    assert Json.rules({"transforms": "${ALL}"}) == ()


LONG: list[dict[str, Any]] = [
    {"operation": "trim", "field": "t"},
    {"operation": "filter", "expression": "n > 0 or t is null", "keep": False},
    {"operation": "convert", "field": "t", "to_type": "decimal(10,2)"},
    {"operation": "multiply", "field": "t", "operand": "n", "to": "product"},
    {"operation": "divide", "field": "n", "operand": "t", "to": "ratio", "on_error": "skip"},
    {"operation": "format_field", "field": "product", "formatter": "currency", "options": {"thousands_separator": ","}},
    {"operation": "merge_fields", "fields": ["product", "t"], "to": "m", "skip_nulls": True},
    {"operation": "split", "field": "m", "separator": ".", "into": ["p", "q", "r"]},
    {"operation": "select_fields", "fields": ["r", "m", "ratio", "id"]},
]
rows = st.tuples(
    st.none() | st.integers(-(10**9), 10**3),
    st.none() | st.sampled_from([" 1.5", "x", "0", "12345.67 ", ""]) | st.text(max_size=3),
)


@given(st.lists(rows, max_size=25), st.sampled_from(["null", "skip", "reject"]), st.integers(1, 25))
def test_the_size_of_the_batches_does_not_matter(
    values: list[tuple[int | None, str | None]], on_error: OnError, batch: int
) -> None:
    table = pa.table(
        {
            "id": pa.array(range(len(values)), pa.int64()),
            "n": pa.array([row[0] for row in values], pa.int64()),
            "t": pa.array([row[1] for row in values], pa.string()),
        }
    )

    whole = operate(LONG, table, on_error=on_error)
    parts = operate(LONG, table, on_error=on_error, batch=batch)

    assert parts.table.equals(whole.table)
    for count in ("rows_out", "filtered", "rejected", "skipped", "nulled"):
        assert getattr(parts.count, count) == getattr(whole.count, count)


HIDING: list[dict[str, Any]] = [
    {"operation": "rename", "from": "card", "to": "number"},
    {"operation": "add", "field": "number", "operand": 1, "to": "next"},
    {"operation": "mask", "field": "number"},
]


def test_no_message_shows_what_is_masked_later_and_the_reject_store_has_the_row(tmp_path: Path) -> None:
    table = pa.table({"card": ["41117"], "plain": ["12"]})
    bad = {"operation": "convert", "to_type": "date"}
    renamed, _, masked = HIDING
    for chain in ([{**bad, "field": "card"}, renamed, masked], [renamed, {**bad, "field": "number"}, masked]):
        with pytest.raises(DataError, match="its value, which is masked later: is not date") as told:
            operate(chain, table)
        assert "41117" not in str(told.value)
    with pytest.raises(DataError, match="value '12': is not date"):
        operate([*HIDING, {**bad, "field": "plain"}], table)

    text = pa.table({"card": ["4x117"], "plain": ["1"]})
    with pytest.raises(DataError, match="the value of 'number' is not a number") as told:
        operate(HIDING, text)
    assert "4x117" not in str(told.value)
    (kept,) = operate(HIDING, text, on_error="reject", storage=tmp_path).rejects
    assert kept["row"] == {"card": "4x117", "plain": "1"}
