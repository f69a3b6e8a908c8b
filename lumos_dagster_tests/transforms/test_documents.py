"""JSON documents as columns: read, fitted to shapes and searched as plain Python does it row by row."""

import json
from typing import Any

import jmespath
import pyarrow as pa
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from lumos_dagster.transforms.documents.grammar import DEEPEST, malformed
from lumos_dagster.transforms.documents.search import Path
from lumos_dagster.transforms.documents.typed import as_json, each, shaped
from lumos_dagster.transforms.shape import shape_of
from lumos_dagster_tests.transforms.documents import BAD, dump, fitted, load
from lumos_dagster_tests.transforms.test_objects import SHAPE, VALUES, texts

PARTS = st.sampled_from([
    *'{}[]:,', '"a"', '"b"', '""', "1", "-0", "1.5e-3", "01", "1.", "-", ".5", "true", "nul", "null", "NaN", "'a'", '"', "\\", '"\\x"', '"\\u12"',
    '"\\ud800"', '"\\\\ud800"', '"\\ud83d\\ude00"', '"\\ude00\\ud83d"', '"\\ud83d\\\\\\ude00"', '"\t"', "\t", "\n", " ", "\u00a0", "\ufeff", "\0", '"é\u2028"',
    '{"a":', '"a":1', '[1,2]', '{"a":1,"a":[]}',
])  # fmt: skip
ANYTHING = st.lists(PARTS, max_size=9).map("".join)


@given(st.lists(ANYTHING | texts, max_size=6))
@example(["[" * DEEPEST + "]" * DEEPEST, "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "]" * 9, "[" * 100_000])
@example(['[",1]', '{":1}', "[-,1]", "[t,1]", "{t:1}", "[1:2]", "[[:1]", "{},", "1,", '"a":', ",1", "[,]", "[1,,2]"])
@example(['{"a":', "1}", '{"a":1}{"b":2}', '"a" "b"', "", " "])
@example(['{"a": "\\ud800", "a": 1}', '{"a": {"b": ["\\ud800"]}, "a": 1}', '{"a": 2, "a": 1}'])
def test_what_is_json_is_what_python_says(documents: list[str]) -> None:
    column = pa.array(documents, pa.string())

    assert malformed(column).tolist() == [load(document) is BAD for document in documents]


@given(st.lists(texts, min_size=1, max_size=6))
@example([f'{{"{key}": {value}}}' for key in SHAPE.keys or () for value in VALUES])
def test_documents_are_fitted_as_one_by_one(documents: list[str]) -> None:
    expected = [fitted(load(document), SHAPE) for document in documents]

    values, bad = shaped(pa.array(documents), SHAPE)

    values.validate(full=True)
    assert bad.tolist() == [value is BAD for value in expected]
    good = [value for value in expected if value is not BAD]
    assert str(values.filter(pa.array(~bad)).to_pylist()) == str(good)


@given(st.lists(st.none() | ANYTHING, max_size=6))
def test_each_distinct_text_is_read_once(documents: list[str | None]) -> None:
    seen: list[str] = []

    def read(part: "pa.Array[Any]") -> tuple[Any, Any]:
        seen.extend(part.to_pylist())
        return part, malformed(part)

    values, bad = each(pa.array(documents * 2, pa.string()), read)

    assert sorted(seen) == sorted({document for document in documents if document is not None})
    wrong = [document is not None and load(document) is BAD for document in documents]
    assert bad.to_list() == wrong * 2
    assert values.to_pylist() == [None if odd else text for text, odd in zip(documents, wrong, strict=True)] * 2


NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, -1.5, 2.25, 10**20])
ATOMS = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "a", "b", "ab", "é", "1", 'q"\\\n', "2.5"])
KEYS = st.sampled_from(["a", "b", "c"])
ALIKE = st.lists(NUMBERS, max_size=4) | st.lists(st.sampled_from(["a", "b", "ab", ""]), max_size=4) | st.lists(
    st.fixed_dictionaries({"a": st.sampled_from([1, 2, 2.5]), "b": ATOMS}), max_size=4)  # fmt: skip
DOCUMENTS = st.recursive(
    ATOMS | ALIKE, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
STEPS = st.sampled_from([
    "a", "b", "@", "*", "[*]", "[]", "[0]", "[-1]", "[1:]", "[::-1]", "[-3:2]", "[2:0:-1]", "a[0]", "a[*]", "a[]", "b[*].a", "*.a", "[?a]", "[?!a]",
    "[?@ > `1`]", "a[?@ <= `2`]", "[?a == b]", "[?@ == 'a' || a]", "[?a && b].a", "[?type(@) == 'number']", "[a, b]", "{a: b, b: a}", "{a: a, a: b}",
    "a == b", "a != `[1, {\"a\": null}]`", "a < b", "a >= b", "a || b", "a && b", "!a", "`{\"a\": [1.5, \"x\"]}`", "'raw'",
    "length(@)", "keys(@)", "values(@)", "type(@)", "to_array(@)", "not_null(a, b, @)", "reverse(@)", "sort(@)", "sum(@)", "avg(@)", "max(@)", "min(@)",
    "abs(@)", "ceil(@)", "floor(@)", "to_number(@)", "join('-', @)", "contains(@, 'a')", "contains(a, b)", "starts_with(@, 'a')", "ends_with(@, 'b')",
    "map(&a, @)", "map(&length(@), @)", "sort_by(@, &a)", "max_by(@, &a)", "min_by(@, &@)", "merge(@, `{\"a\": 7}`)", "sort_by(@, &b)[*].b",
])  # fmt: skip


def _is_path(text: str) -> bool:
    try:
        jmespath.compile(text)
    except JMESPathError:
        return False
    return True


PATHS = st.lists(STEPS, min_size=1, max_size=3).map(" | ".join) | st.builds("{}.{}".format, STEPS, STEPS).filter(
    _is_path
)


def _found(path: str, document: Any) -> Any:
    try:
        return _rounded(jmespath.search(path, document))
    except (JMESPathError, TypeError):
        return BAD


def _rounded(value: Any) -> Any:
    """Floats have not all the digits that decimals have; and 2.0 is 2, but True is not 1."""
    match value:
        case bool():
            return str(value)
        case float():
            return round(value, 9)
        case list():
            return [_rounded(item) for item in value]
        case dict():
            return {name: _rounded(item) for name, item in value.items()}
    return value


@given(st.lists(DOCUMENTS | st.dictionaries(KEYS, DOCUMENTS | ALIKE), max_size=6), PATHS, st.booleans())
def test_a_path_leads_where_the_library_says(documents: list[Any], path: str, escaped: bool) -> None:
    assume("contains" not in path or not _holds_truths(documents))
    expected = [_found(path, document) for document in documents]

    found, at, bad = Path(path).search(
        pa.array([json.dumps(one, ensure_ascii=escaped) for one in documents], pa.string())
    )

    assert bad.tolist() == [value is BAD for value in expected]
    values = [None if text is None else json.loads(text) for text in as_json(found, at).to_pylist()]
    assert [_rounded(value) for value in values] == [None if value is BAD else value for value in expected]


def _holds_truths(value: Any) -> bool:
    """Whether True or False is in it somewhere: to `contains` of the library, as to Python, 1 is equal to True."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, bool) or any(map(_holds_truths, inner))


@pytest.mark.parametrize(
    ("path", "document", "value"),
    [
        ("@", '{"a": 1, "b": 2, "a": 3}', '{"a":3,"b":2}'),
        ("a", '{"a": 1, "\\u0061": 3}', "3"),
        ("length(@)", '{"a": 1, "a": 3}', "1"),
        ("*", '{"a": 1.50, "b": 1E+5, "c": 123456789012345678901234567890.0}', "[1.50,1E+5,123456789012345678901234567890.0]"),
        ("sum(@)", "[0.1, 0.2]", "0.3"),
        ("sum(@) == `0.3`", "[0.1, 0.2]", "true"),
        ("avg(@)", "[9007199254740993, 9007199254740993.5]", "9007199254740993.25"),
        ("max(@)", "[9007199254740992, 9007199254740993, 1e3]", "9007199254740993"),
        ("sort(@)", "[1e1, 10.0, 9.99999999999999999999, 2]", "[2,9.99999999999999999999,1e1,10.0]"),
        ("[0] == [1]", "[1.0, 10e-1]", "true"),
        ("[0] == [1]", '[{"a": [1, 0], "b": {}}, {"b": {}, "a": [1.0, -0]}]', "true"),
        ("[0] == [1]", "[[], {}]", "false"),
        ("[0] < [1]", "[0.10000000000000000001, 0.10000000000000000002]", "true"),
        ("[0] < [1]", "[1e400, 1e401]", "false"),
        ("to_number(@)", '"1.50"', "1.5"),
        ("to_number(@)", '"x"', None),
        ("to_string(@)", '{"a": "é\\n"}', '"{\\"a\\":\\"é\\\\n\\"}"'),
        ("ceil(@)", "-1.5", "-1"),
        ("merge(@, `{\"b\": 2}`)", '{"a": 1, "b": 1}', '{"a":1,"b":2}'),
    ],
)  # fmt: skip
def test_numbers_stay_exact_and_keys_count_once(path: str, document: str, value: str | None) -> None:
    found, at, bad = Path(path).search(pa.array([document]))

    assert not bad.any()
    assert as_json(found, at).to_pylist() == [value]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("a[", "is no JMESPath"),
        ("a.lenght(@)", r"there is no function 'lenght'; there are abs, avg, .*, values. Did you mean 'length'\?"),
        ("length(a, b)", "length takes 1 argument, not 2"),
        ("map(a, b)", "argument 1 of map must be an expression with & before it"),
        ("not_null(&a)", "argument 1 of not_null must be a value, not an expression"),
        ("merge()", "merge takes 1 or more argument"),
        ("a[::0]", "a slice needs a step other than 0"),
        ("nosuch(a) || length()", "there is no function 'nosuch'.*; length takes 1 argument, not 0"),
    ],
)
def test_what_is_no_path_is_told_before_the_first_row(path: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Path(path)


def test_numbers_of_too_many_digits_are_bad_to_functions_alone() -> None:
    column = pa.array(["[1e60]", "[1]", "[1e60, 2]"])
    largest = "9" * 37

    assert Path("sum(@)").search(column)[2].tolist() == [True, False, True]
    most = pa.array([f"[{','.join([largest] * count)}]" for count in (1, 9, 11, 60)])
    for path in ("sum(@)", "avg(@)"):
        assert Path(path).search(most)[2].tolist() == [False, False, True, True]
    found, at, _ = Path("[ceil([0]), floor([1]), sum(@)]").search(pa.array([f"[{largest}.5, -{largest}.5, 1]"]))
    assert as_json(found, at).to_pylist() == [f"[1{'0' * 37},-1{'0' * 37},1]"]
    found, at, bad = Path("[0]").search(column)
    assert (as_json(found, at).to_pylist(), bad.any()) == (["1e60", "1", "1e60"], False)


def test_the_deepest_document_is_written_and_compared() -> None:
    deep = "[" * DEEPEST + "]" * DEEPEST
    found, at, bad = Path("[@, @ == @]").search(pa.array([deep]))

    assert not bad.any()
    assert as_json(found, at).to_pylist() == [f"[{deep},true]"]


def test_what_is_read_is_written_as_python_writes_it() -> None:
    documents = [document for value in VALUES if load(document := f'{{"k": {value}, "é\\n": [{value}]}}') is not BAD]
    found, at, _ = Path("@").search(pa.array(documents))

    assert as_json(found, at).to_pylist() == [dump(load(document)) for document in documents]


def test_a_list_within_lists_has_its_shape() -> None:
    values, bad = shaped(pa.array(["[[1, null], null, []]", "[[1], 2]", "null"]), shape_of([["int"]]))

    assert bad.tolist() == [False, True, False]
    assert values.to_pylist()[::2] == [[[1, None], None, []], None]
