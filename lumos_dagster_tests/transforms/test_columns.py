"""Operations on whole columns, and what binding says before a row is read."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from lumos_dagster.catalog import Catalog
from lumos_dagster.config import json_schema
from lumos_dagster.errors import ConfigError
from lumos_dagster.transforms.json import Json
from lumos_dagster.transforms.map import Map
from lumos_dagster.transforms.operations import OPERATIONS
from lumos_dagster.transforms.operations.columns import RemoveField
from lumos_dagster_tests.transforms.running import operate, transform

TABLE = pa.table({"a": [1, 2], "b": ["x", None], "c": [True, False]})


def names(operations: Any) -> list[str]:
    return operate(operations, TABLE).table.column_names


@pytest.mark.parametrize("spelling", ["rename_field", "rename"])
def test_rename(spelling: str) -> None:
    assert names({"operation": spelling, "from": "a", "to": "id"}) == ["id", "b", "c"]
    assert operate({"type": spelling, "fields": {"a": "b", "b": "a"}}, TABLE).rows[0] == {"b": 1, "a": "x", "c": True}


@pytest.mark.parametrize("spelling", ["remove_field", "remove", "drop", "delete_field"])
def test_remove(spelling: str) -> None:
    assert names({"operation": spelling, "field": "a"}) == ["b", "c"]
    assert names({"operation": spelling, "fields": ["a", "c"]}) == ["b"]


@pytest.mark.parametrize("spelling", ["select_fields", "select", "keep"])
def test_select_keeps_the_order_given(spelling: str) -> None:
    assert names({"operation": spelling, "fields": ["c", "a"]}) == ["c", "a"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", pa.string()),
        (7, pa.int64()),
        (1.5, pa.float64()),
        (True, pa.bool_()),
        (None, pa.string()),
        ([1, 2], pa.list_(pa.int64())),
        ("$NOW", pa.timestamp("us", "UTC")),
        ("$TODAY", pa.date32()),
        ("run $RUN_ID", pa.string()),
    ],
)
def test_a_constant_keeps_its_type(value: Any, kind: pa.DataType) -> None:
    for spelling in ("add_field", "add"):
        result = operate({"operation": spelling, "field": "new", "value": value}, TABLE)
        assert result.table.column_names == ["a", "b", "c", "new"]
        assert result.table.schema.field("new").type == kind
    expected = {"$NOW": datetime(2026, 3, 4, 5, 6, 7, 89, UTC), "$TODAY": date(2026, 3, 4), "run $RUN_ID": "run run-1"}
    wanted = expected.get(value, value) if isinstance(value, str) else value
    assert result.column("new") == [wanted] * 2


@pytest.mark.parametrize(
    ("expression", "values", "kind"),
    [
        ("a * 2", [2, 4], pa.int64()),
        ("a / 4", [Decimal("0.250000"), Decimal("0.500000")], pa.decimal128(38, 6)),
        ("a * 1.5 - 1", [Decimal("0.5"), Decimal("2.0")], pa.decimal128(38, 1)),
        ("upper(b) || '-' || a", ["X-1", None], pa.string()),
        ("-a", [-1, -2], pa.int64()),
        ("1 / a", [Decimal("1.000000"), Decimal("0.500000")], pa.decimal128(38, 6)),
        ("7.5 % a", [Decimal("0.5"), Decimal("1.5")], pa.decimal128(38, 1)),
        ("a > 1 and c", [False, False], pa.bool_()),
        ("length('日本')", [2, 2], pa.int64()),
        ("'k'", ["k", "k"], pa.string()),
        ("round(a / 3, 2)", [Decimal("0.33"), Decimal("0.67")], pa.decimal128(38, 2)),
    ],
)
def test_an_expression_is_reckoned_per_row(expression: str, values: list[Any], kind: pa.DataType) -> None:
    result = operate({"operation": "add_field", "field": "new", "expression": expression}, TABLE)

    assert result.column("new") == values
    assert result.table.schema.field("new").type == kind


def test_overwrite() -> None:
    assert operate({"operation": "add_field", "field": "a", "value": "k"}, TABLE).rows[0] == {
        "a": "k",
        "b": "x",
        "c": True,
    }
    kept = operate({"operation": "add_field", "field": "a", "value": "k", "overwrite": False}, TABLE)
    assert kept.column("a") == [1, 2]


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ({"operation": "rename_field", "from": "aa", "to": "z"}, r"transforms\.0\.from: rename_field: there is no column 'aa'.*Did you mean 'a'"),
        ({"operation": "rename_field", "from": "a", "to": "b"}, r"transforms\.0\.to: rename_field: there is already a column 'b'"),
        ({"operation": "rename_field", "from": "a"}, "needs from and to"),
        ({"operation": "rename_field", "fields": {"a": "x", "b": "x"}}, "already a column 'x'"),
        ({"operation": "remove_field", "field": "z"}, r"transforms\.0\.field.*no column 'z'; allowed: a, b, c"),
        ({"operation": "remove_field", "fields": []}, "at least one field"),
        ({"operation": "remove_field", "fields": ["a", "a"]}, "more than once"),
        ({"operation": "remove_field", "fields": ["a", "b", "c"]}, "no column is left"),
        ({"operation": "remove_field"}, "required key 'field' is missing"),
        ({"operation": "select_fields", "fields": ["a", "B"]}, "Did you mean 'b'"),
        ({"operation": "add_field", "field": "z"}, "needs one of value and expression"),
        ({"operation": "add_field", "field": "z", "value": 2**70}, "no type that a column could have"),
        ({"operation": "add_field", "field": "z", "expression": "a +"}, "something is missing beside"),
        ({"operation": "uppercase", "field": "a"}, "column 'a' is int64, but text is needed.*convert_field"),
        ({"operation": "renam_field", "from": "a"}, r"transforms\.0: not an operation; found 'renam_field'.*Did you mean 'rename_field'"),
        ({"from": "a", "to": "b"}, r"transforms\.0: the required key operation \(or type\) is missing"),
        ({"operation": "trim", "field": "b", "feild": "c"}, "unknown key 'feild'.*Did you mean 'field'"),
        ({"type": "convert", "field": "b", "type_": "int"}, "unknown key 'type_'"),
        ({"operation": "trim", "field": "b", "on_error": "ignore"}, "fail"),
    ],
)  # fmt: skip
def test_mistakes_are_told_before_a_row_is_read(operation: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        operate(operation, TABLE)


def test_the_operation_at_fault_is_named_by_its_number() -> None:
    with pytest.raises(ConfigError, match=r"transforms\.1\.field: trim: there is no column 'b'"):
        operate([{"operation": "rename", "from": "b", "to": "z"}, {"operation": "trim", "field": "b"}], TABLE)


def test_an_empty_list_and_a_text_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one operation"):
        transform(Json, {"transforms": []}, TABLE)
    with pytest.raises(ConfigError, match="must be a mapping"):
        transform(Json, {"transforms": ["trim"]}, TABLE)
    with pytest.raises(ConfigError, match="missing"):
        transform(Json, {}, TABLE)


def test_doubled_input_columns_are_refused() -> None:
    doubled = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])

    with pytest.raises(ConfigError, match="more than one column named 'a'"):
        operate({"operation": "remove", "field": "a"}, doubled)


def test_every_operation_is_in_the_json_schema_under_each_name() -> None:
    schema = Json.model_json_schema()["$defs"]

    for operation in OPERATIONS:
        described = schema[operation.__name__]
        named = [
            described["properties"][key]["enum"]
            for key in ("operation", "type")
            if "enum" in described["properties"].get(key, {})
        ]
        assert list(operation.names) in named
        assert described["description"]
        assert all(operation.option_texts().values()), operation


@pytest.mark.parametrize(
    ("operation", "valid"),
    [
        ({"operation": "convert_field", "field": "a", "type": "int"}, True),
        ({"operation": "convert_field", "field": "a", "to_type": "int"}, True),
        ({"type": "convert", "field": "a", "to_type": "int"}, True),
        ({"operation": "convert_field", "field": "a"}, False),
        ({"operation": "add", "field": "a", "operand": 1}, True),
        ({"type": "add", "field": "a", "value": 1}, True),
        ({"type": "filter", "field": "a", "operator": "=", "value": 1}, True),
        ({"type": "trim", "fields": ["a", "b"]}, True),
        ({"type": "trim", "field": "a", "feild": "b"}, False),
        ({"field": "a"}, False),
    ],
)
def test_the_json_schema_takes_what_the_parser_takes(operation: dict[str, Any], valid: bool) -> None:
    schema = json_schema(Catalog())
    job = {
        "version": "1.0",
        "name": "x",
        "jobs": {"t": {"type": "transformer", "transformer_type": "json", "options": {"transforms": [operation]}}},
    }

    assert Draft202012Validator(schema).is_valid(job) is valid


def test_no_two_operations_share_a_name_but_add() -> None:
    every = [name for operation in OPERATIONS for name in operation.names]

    assert {name for name in every if every.count(name) > 1} == {"add"}


def test_map_reads_the_original_row() -> None:
    options = {
        "mappings": [
            {"source": "b", "target": "a2", "transform": "value.to_uppercase().prefix('<')"},
            {"source": "a", "target": "b", "transform": "multiply(2)"},
            {"source": "b", "transform": None, "target": "old_b"},
        ]
    }
    table = pa.table({"a": ["1.5", "2"], "b": ["x", None]})

    assert transform(Map, options, table).rows == [
        {"a": "1.5", "b": "3", "a2": "<X", "old_b": "x"},
        {"a": "2", "b": "4", "a2": None, "old_b": None},
    ]
    removed = transform(Map, options | {"remove_source_fields": True}, table)
    assert removed.table.column_names == ["b", "a2", "old_b"]


@pytest.mark.parametrize(
    ("chain", "result"),
    [
        ("value.trim().to_lowercase()", "ab c"),
        ("trim()", "Ab C"),
        ("value.trim_start()", "Ab C "),
        ("rtrim()", " Ab C"),
        ("value.trim().capitalize()", "Ab c"),
        ("concat('x')", " Ab C x"),
        ("trim().replace(' ', '_')", "Ab_C"),
        ("value.trim().concat('!').prefix(\"a'\")", "a'Ab C!"),
        ("value", " Ab C "),
    ],
)
def test_map_transforms_of_text(chain: str, result: str) -> None:
    table = pa.table({"x": [" Ab C ", None]})

    assert transform(Map, {"mappings": [{"source": "x", "transform": chain}]}, table).column("x") == [result, None]


@pytest.mark.parametrize(
    ("chain", "result"),
    [
        ("multiply(2)", 20),
        ("add(-3)", 7),
        ("subtract(1).multiply(3)", 27),
        ("divide(4)", Decimal("2.500000")),
        ("modulo(4)", 2),
        ("multiply(1.05).round(1)", Decimal("10.5")),
        ("prefix('no ')", "no 10"),
        ("to_string().concat('%')", "10%"),
        ("to_float()", 10.0),
    ],
)
def test_map_transforms_of_numbers(chain: str, result: Any) -> None:
    table = pa.table({"x": [10, None]})

    assert transform(Map, {"mappings": [{"source": "x", "transform": chain}]}, table).column("x") == [result, None]


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"source": "z"}, r"mappings\.0\.source: there is no column 'z'"),
        ({"source": "a", "target": "c"}, r"mappings\.0\.target: there is already a column 'c'"),
        ({"source": "a", "transform": "value.to_upper()"}, "to_upper is not a transform"),
        ({"source": "a", "transform": "multiply('x')"}, r"multiply takes \(number\)"),
        ({"source": "a", "transform": "multiply(2, 3)"}, r"multiply takes \(number\)"),
        ({"source": "a", "transform": "__import__('os')"}, "not a transform"),
        ({"source": "a", "transform": "value.a.b"}, "only calls on value"),
        ({"source": "a", "transform": "value +"}, "is no transform"),
        ({"source": "a", "transform": "value.trim()"}, "trim works on text"),
        ({"source": "b", "transform": "divide(0)"}, "division by zero"),
        ({"source": "a", "targt": "x"}, "Did you mean 'target'"),
    ],
)
def test_wrong_mappings_are_told(mapping: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        transform(Map, {"mappings": [mapping]}, TABLE)


def test_an_operation_may_be_built_in_python() -> None:
    built = Json(transforms=[RemoveField(fields=("a",))])

    assert built.bind(TABLE.schema).names == ["b", "c"]
    with pytest.raises(ValidationError, match="must be a mapping"):
        Json(transforms=[3])
