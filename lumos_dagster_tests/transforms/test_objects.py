"""Arrow's reader of JSON objects gives what the general one gives, or leaves the texts to it."""

import json
from typing import Any

import jmespath
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lumos_dagster.transforms.documents.objects import are_objects, read_lists, read_objects, reader_of
from lumos_dagster.transforms.documents.typed import shaped
from lumos_dagster.transforms.shape import Shape, shape_of
from lumos_dagster_tests.transforms.documents import load

SPEC = {
    "i": "int", "h": "int16", "d": "decimal(10,2)", "f": "float", "b": "bool", "s": "string", "t": "timestamptz",
    "l": ["int"], "o": {"s": "string", "l": [{"day": "date"}]},
}  # fmt: skip
SHAPE = shape_of(SPEC)
VALUES = (
    "1", "-0", "70000", "1.0", "1.5", "1.10", "1.999", "1e2", "1e-400", "1e400", "0.0", "-0.0", "9007199254740993",
    "99999999999999999999", "01", "+1", "1.", "0x1F", "NaN", "Infinity", "-Infinity", "null", "true", '"1"', '"1.5"',
    '"1.5 "', '""', '"x"', '"NaN"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\t"', '"\n"', '"2024-02-30"',
    '"2024-02-29"', '"2024-02-29T05:06:07Z"', "[]", "[1]", "[1, null]", "[1.5]", "{}", '{"s": "a"}', '{"s": 5}', '{"s": "a", "s": "b"}',
    '{"l": [{"day": "2024-02-29"}, null, {}]}', '{"l": [{"day": "no"}]}', "tru", "'a'", "[" * 600 + "]" * 600, "1" * 400, "1" * 5000,
)  # fmt: skip
DOCUMENTS = (
    "{}", "", " ", "{}{}", "{} {}", "{", "}", "null", "[1]", "5", '{"i": 1,}', '{"i": 1}x', '{"i":\n1}', '{"i": 1}\n', '{"i": 1, "i": 2}',
    '\ufeff{"i": 1}', '{"i": 1}\0', '{"i": 1}//', '{"\\u0069": 4}', '{"s":"}', '{"}', '{"l":[{}', '{}]}',
)  # fmt: skip
texts = st.sampled_from(DOCUMENTS) | st.builds("{{{}}}".format, st.lists(
    st.builds('"{}": {}'.format, st.sampled_from([*SPEC, "else"]), st.sampled_from(VALUES)), max_size=4).map(", ".join))  # fmt: skip


@pytest.mark.parametrize("key", [*SPEC, "else"])
def test_each_value_is_read_alike_or_left(key: str) -> None:
    for value in VALUES:
        alike([f'{{"{key}": {value}}}'])


@given(st.lists(texts, min_size=1, max_size=4))
def test_texts_are_read_alike_or_left(documents: list[str]) -> None:
    alike(documents)


def alike(documents: list[str]) -> None:
    column = pa.array(documents)
    found = read_objects(column, SHAPE)
    if found is not None:
        values, bad = shaped(column, SHAPE)
        assert not bad.any()
        assert found.type == values.type
        assert str(found.to_pylist()) == str(values.to_pylist())
        found.validate(full=True)
    if are_objects(column):
        assert all(isinstance(load(document), dict) for document in documents)


def test_plain_objects_are_not_left() -> None:
    documents = [
        '{"i": 1, "d": 1.10, "f": 0.0, "b": true, "s": "\u00e9", "l": [1, null], "more": [{}]}',
        '{"o": {"s": null, "l": [{"day": "2024-02-29"}, null]}, "t": "2024-02-29T05:06:07+01:00", "l": null}',
        "{}",
    ]
    found = read_objects(pa.array(documents), SHAPE)
    assert found is not None
    assert found.to_pylist() == shaped(pa.array(documents), SHAPE)[0].to_pylist()
    assert are_objects(pa.array(documents))


@pytest.mark.parametrize(
    ("path", "kind", "documents", "values"),
    [
        ("a.b", pa.string(), [{"a": {"b": "x"}}, {}, {"a": None}], ["x", None, None]),
        ("a.b.c", pa.string(), [{"a": {"b": {"c": 7}}}], ["7"]),
        ("a", pa.string(), [{"a": True}], ["true"]),
        (
            "a[0].b",
            pa.int64(),
            [{"a": [{"b": 1}, {"b": 2}]}, {"a": []}, {"a": None}, {}, {"a": [None]}],
            [1, *[None] * 4],
        ),
        ("a[-2][1]", pa.string(), [{"a": [["x", "y"], []]}, {"a": [["z"]]}, {"a": [[], ["u"]]}], ["y", None, None]),
        ("a", pa.int64(), [{"a": 2**53 + 1}], [2**53 + 1]),
        ("a", pa.string(), [{"a": "x"}, {"a": 1}], None),
        ("a", pa.string(), [{"a": 1.5}], None),
        ("a.b", pa.string(), [{"a": [1]}], None),
    ],
)
def test_a_path_of_keys(path: str, kind: pa.DataType, documents: list[Any], values: list[Any] | None) -> None:
    read = reader_of(jmespath.compile(path).parsed, kind)
    assert read is not None
    found = read(pa.array(list(map(json.dumps, documents))))
    assert (None if found is None else found.to_pylist()) == values
    if values is not None and kind == pa.int64():
        assert values == [jmespath.search(path, document) for document in documents]


@pytest.mark.parametrize("path", ["[0]", "a[]", "a[*]", "a[:1]", "*.a", "length(a)", "@", "a.*", "a || b", "a.[b, c]"])
def test_any_other_path_is_left(path: str) -> None:
    assert reader_of(jmespath.compile(path).parsed, pa.string()) is None


lists = st.sampled_from([f"[{document}]" for document in DOCUMENTS] + ["[", "]", '["a"', '"b"]', '["a"],"b":["c"]', '["a"],"list":["c"]']) | st.lists(
    st.sampled_from(VALUES), max_size=3).map(", ".join).map("[{}]".format)  # fmt: skip


@given(st.lists(lists, min_size=1, max_size=3))
@example(['["a", "b"]', "[]", "[null]"])
@example(["[1, -2]", "[3]"])
@example(["[true]"])
@example(['["a"],"b":["c"]'])
def test_lists_of_texts_are_read_alike_or_left(documents: list[str]) -> None:
    found = read_lists(pa.array(documents))
    if found is not None:
        values, bad = shaped(pa.array(documents), Shape(items=Shape(leaf=pa.string())))
        assert not bad.any()
        assert found.equals(values)


def test_plain_lists_are_not_left() -> None:
    assert read_lists(pa.array(['["a", "b"]', "[]"])) is not None
    assert read_lists(pa.array(["[1, 2]"])) is not None
    assert read_lists(pa.array(["[true]"])) is not None
