"""JSON documents, objects and lists: read exactly, taken apart, and every row accounted for."""

import json
from decimal import Decimal
from typing import Any

import jmespath
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster_tests.transforms.running import one, operate

SHAPE = {"id": "int", "price": "decimal(10,2)", "tags": ["string"], "user": {"name": "string"}}


def test_a_shape_gives_types_and_keeps_numbers_exact() -> None:
    documents = [
        '{"id": 9007199254740993, "price": 1.10, "tags": ["a", null, 5], "user": {"name": "Ada", "x": 0}, "more": 1}',
        "{}",
        "null",
        None,
        '{"user": null, "tags": []}',
    ]

    result = operate({"operation": "parse_json", "field": "x", "shape": SHAPE}, pa.table({"x": documents}))

    nothing = {"id": None, "price": None, "tags": None, "user": None}
    assert result.column("x") == [
        {"id": 9007199254740993, "price": Decimal("1.10"), "tags": ["a", None, "5"], "user": {"name": "Ada"}},
        nothing,
        None,
        None,
        {**nothing, "tags": []},
    ]
    kind = pa.struct([("id", pa.int64()), ("price", pa.decimal128(10, 2)), ("tags", pa.list_(pa.string())),
                      ("user", pa.struct([("name", pa.string())]))])  # fmt: skip
    assert result.table.schema.field("x").type == kind


@pytest.mark.parametrize(
    "document",
    ["", "{", "NaN", "[1]", '{"id": "x"}', '{"id": 1.5}', '{"price": 1.999}', '{"tags": {}}', '{"user": {"name": "\\ud800"}}',
     "[" * 100_000],
)  # fmt: skip
def test_what_is_not_of_the_shape_is_bad(document: str) -> None:
    operation = {"operation": "parse_json", "field": "x", "shape": SHAPE}

    with pytest.raises(DataError, match=r"row 2: parse_json: field 'x'.*is not JSON of the shape struct"):
        operate(operation, pa.table({"x": ["{}", document]}))
    assert one({**operation, "on_error": "null"}, [document, "null"]) == [None, None]


def test_without_a_shape_text_stays_text() -> None:
    assert one({"operation": "parse_json", "on_error": "skip"}, ['{"a": 1.50}', "x", "null", None]) == [
        '{"a": 1.50}',
        "null",
        None,
    ]


@pytest.mark.parametrize(
    ("path", "kind", "document", "value"),
    [
        ("a.b[0]", "string", '{"a": {"b": ["x"]}}', "x"),
        ("a", "string", '{"a": {"b": 1.50}}', '{"b":1.50}'),
        ("a", "json", '{"a": "x"}', '"x"'),
        ("a", "decimal(5,2)", '{"a": 1.10}', Decimal("1.10")),
        ("a", "int", '{"a": 9007199254740993}', 9007199254740993),
        ("a", "bool", '{"a": true}', True),
        ("nothing", "int", '{"a": 1}', None),
        ("tags[?kind=='x'].id | [0]", "int", '{"tags": [{"kind": "y", "id": 1}, {"kind": "x", "id": 2}]}', 2),
        ("sum(a)", "float", '{"a": [1, 2.5]}', 3.5),
        ("a[?p > `1.0`] | length(@)", "int", '{"a": [{"p": 0.5}, {"p": 1.5}]}', 1),
    ],
)
def test_extract(path: str, kind: str, document: str, value: Any) -> None:
    operation = {"operation": "extract", "path": path, "to_type": kind}

    assert one(operation, [document, None, document]) == [value, None, value]


@pytest.mark.parametrize(("path", "kind", "document"), [
    ("a", "string", "{"), ("a", "int", '{"a": "x"}'), ("length(a)", "int", '{"a": 1}'), ("a", "decimal(3,1)", '{"a": 1.25}'),
])  # fmt: skip
def test_what_cannot_be_extracted_is_bad(path: str, kind: str, document: str) -> None:
    operation = {"operation": "extract", "path": path, "to_type": kind, "on_error": "skip"}

    assert one(operation, [document, None]) == [None]
    with pytest.raises(DataError, match="row 1: extract"):
        one({**operation, "on_error": "fail"}, [document])


def test_an_object_is_flattened_and_a_list_exploded() -> None:
    rows = [
        {"k": 1, "x": {"id": 1, "o": {"n": "a", "l": [1, 2]}}},
        {"k": 2, "x": None},
        {"k": 3, "x": {"id": None, "o": {"n": None, "l": []}}},
        {"k": 4, "x": {"id": 4, "o": None}},
    ]
    table = pa.Table.from_pylist(rows)
    chain: list[dict[str, Any]] = [
        {"operation": "flatten", "field": "x"},
        {"operation": "explode", "field": "x_o_l", "to": "e"},
        {"operation": "add", "field": "e", "operand": 1},
        {"operation": "select", "fields": ["k", "x_id", "x_o_n", "e"]},
    ]

    for batch in (1, 2, 4):
        result = operate(chain, table, batch=batch)
        assert [tuple(row.values()) for row in result.rows] == [
            (1, 1, "a", 2), (1, 1, "a", 3), (2, None, None, None), (3, None, None, None), (4, 4, None, None),
        ]  # fmt: skip
        assert (result.count.made, result.count.filtered) == (1, 0)
    assert operate({**chain[0], "depth": 1, "prefix": "", "keep": True}, table).table.schema.names == [
        "k",
        "x",
        "id",
        "o",
    ]
    with pytest.raises(ConfigError, match="prefix: flatten: there is already a column 'k'"):
        operate({"operation": "flatten", "field": "x", "prefix": ""}, pa.Table.from_pylist([{"k": 1, "x": {"k": 1}}]))


@given(
    st.lists(
        st.none() | st.just("bad") | st.lists(st.none() | st.integers(0, 9) | st.text("a,", max_size=2), max_size=4)
    ),
    st.integers(1, 5),
    st.booleans(),
)
def test_explode_is_what_python_says(lists: list[Any], batch: int, keep: bool) -> None:
    documents = [None if value is None else value if value == "bad" else json.dumps(value) for value in lists]
    table = pa.table({"row": range(len(lists)), "x": pa.array(documents, pa.string())})
    expected = [
        (row, None if item is None else str(item))
        for row, value in enumerate(lists)
        if value != "bad"
        for item in (value or ([None] if keep else []))
    ]

    operation = {"operation": "explode", "field": "x", "keep_empty": keep, "on_error": "skip"}
    result = operate([operation, {"operation": "validate", "field": "row", "rule": "not_null"}], table, batch=batch)

    assert list(zip(result.column("row"), result.column("x"), strict=True)) == expected
    assert result.count.skipped == lists.count("bad")


def test_what_one_row_makes_comes_in_batches_that_stay_small() -> None:
    table = pa.table({"x": [",".join(["é"] * 150_000)], "pad": ["p"]})

    result = operate({"operation": "explode", "field": "x", "separator": ","}, table)

    assert result.table.num_rows == 150_000
    assert max(chunk.num_rows for chunk in result.table.to_batches()) <= 65_536
    assert (result.count.made, result.count.rows_out) == (149_999, 150_000)


def test_a_text_is_not_repeated_for_each_of_its_elements() -> None:
    table = pa.table({"x": [json.dumps({"items": ["é" * 20] * 60_000})], "k": [7]})

    result = operate(
        [{"operation": "extract", "field": "x", "path": "items"}, {"operation": "explode", "field": "x"}], table
    )

    assert result.column("x") == ["é" * 20] * 60_000
    assert result.column("k") == [7] * 60_000


def test_nested_columns_are_json_too() -> None:
    table = pa.Table.from_pylist([{"x": {"a": [1, 2], "d": Decimal("1.50")}}, {"x": None}])

    taken = operate({"operation": "extract", "field": "x", "path": "a[1]", "to": "y", "to_type": "int"}, table)
    written = operate({"operation": "to_json", "fields": ["x"], "to": "y"}, table)

    assert taken.column("y") == [2, None]
    assert written.column("y") == ['{"x":{"a":[1,2],"d":"1.50"}}', '{"x":null}']
    assert one({"operation": "to_json", "on_error": "skip"}, [1.5, float("nan"), None], pa.float64()) == ["1.5", None]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=6), st.sampled_from(["a", "a.b", "[0]", "*.b | [0]", "@"]), st.integers(1, 6))
def test_extract_is_what_jmespath_says(documents: list[Any], path: str, batch: int) -> None:
    texts = [json.dumps(document) for document in documents]
    expected = [jmespath.search(path, document) for document in documents]

    found = one({"operation": "extract", "path": path, "to_type": "json"}, texts, batch=batch)

    assert [None if value is None else json.loads(value) for value in found] == expected


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ({"operation": "parse_json", "shape": {}}, "shape: .*at least one key"),
        ({"operation": "parse_json", "shape": {"a": "nothing"}}, "'nothing' is not a type"),
        ({"operation": "parse_json", "shape": ["int", "int"]}, "is no shape"),
        ({"operation": "extract", "path": "a[", "to": "y"}, "is no JMESPath"),
        ({"operation": "extract", "path": "a", "to": "taken"}, "already a column 'taken'"),
        ({"operation": "flatten"}, "column 'x' is string, but an object"),
        ({"operation": "explode", "field": "taken"}, "column 'taken' is int64, but a list, or text"),
        ({"operation": "explode", "field": "nosuch"}, "there is no column 'nosuch'"),
        ({"operation": "to_json", "field": None}, "needs field, or fields and to"),
    ],
)
def test_wrong_options_are_told_before_the_first_row(operation: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        operate({"field": "x", **operation}, pa.table({"x": ["{}"], "taken": [1]}))


def test_a_number_that_json_has_not_is_bad_wherever_it_stands() -> None:
    nan, inf = float("nan"), float("inf")
    kind = pa.struct([("a", pa.list_(pa.float64())), ("s", pa.string())])
    values = [{"a": [1.5, nan], "s": "x"}, {"a": [-inf], "s": None}, {"a": [2.5], "s": "NaN"}, None]
    table = pa.table({"x": pa.array(values, kind), "f": [nan, 1.0, inf, None]})
    written = {"operation": "to_json", "field": "x", "to": "y"}

    assert operate({**written, "on_error": "null"}, table).column("y") == [None, None, '{"a":[2.5],"s":"NaN"}', None]
    assert operate({**written, "on_error": "skip"}, table).count.skipped == 2
    with pytest.raises(DataError, match=r"row 1: to_json: field 'x': .*JSON has no such number"):
        operate(written, table)
    both = {"operation": "to_json", "fields": ["f", "x"], "to": "y", "on_error": "null"}
    assert operate(both, table).column("y") == [
        '{"f":null,"x":null}', '{"f":1.0,"x":null}', '{"f":null,"x":{"a":[2.5],"s":"NaN"}}', '{"f":null,"x":null}',
    ]  # fmt: skip
    assert operate({**both, "on_error": "skip"}, table).rows[0]["f"] is None
