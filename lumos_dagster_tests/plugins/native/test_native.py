"""Native plugins: rows there and back, whatever their types, and the example plugin."""

import json

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError
from lumos_dagster.plugins.native.driver import NativeDriver
from lumos_dagster.testing.samples import SAMPLES
from lumos_dagster_tests.plugins.native.conftest import EXAMPLES, Natives

OPTIONS = '{"field": "text", "to": "clean"}'
TEXTS = ["  Ab C ", "", "   ", None, "ÄÖ Straße X ", "\tTab ", "x" * 300, "A\u0000B", "日本 ABC"]
CLEAN = ["ab c", "", "", None, "ÄÖ straße x", "\ttab", "x" * 300, "a\u0000b", "日本 abc"]


def test_it_says_what_it_is(normalize: Natives) -> None:
    said = NativeDriver().describe(normalize.binary)
    assert (said.name, said.abi, said.kinds) == ("normalize-native", "lumos-native/1", ("transformer",))
    assert said.options[""]["required"] == ["field", "to"]


@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_it_normalizes_text_however_it_is_laid_out(normalize: Natives, kind: pa.DataType, batch: int) -> None:
    rows = pa.table({"n": range(len(TEXTS)), "text": pa.array(TEXTS, pa.string()).cast(kind)}).slice(1)
    found = normalize.transform(OPTIONS, rows, batch=batch)

    assert found.schema.names == ["n", "text", "clean"]
    assert found["clean"].type == pa.string()
    assert found["clean"].to_pylist() == CLEAN[1:]
    assert found["text"].to_pylist() == TEXTS[1:]
    assert found["n"].to_pylist() == list(range(1, len(TEXTS)))


def test_it_writes_over_a_column_that_is_there(normalize: Natives) -> None:
    rows = pa.table({"text": [" A "], "clean": [1], "n": [2]})
    assert normalize.transform(OPTIONS, rows).to_pydict() == {"text": [" A "], "clean": ["a"], "n": [2]}
    assert normalize.transform('{"to": "text", "field": "text"}', rows)["text"].to_pylist() == ["a"]


def test_no_rows_keep_their_columns(normalize: Natives) -> None:
    rows = pa.schema({"n": pa.int64(), "text": pa.string()}).empty_table()
    assert normalize.transform(OPTIONS, rows).schema.names == ["n", "text", "clean"]


def test_other_columns_come_back_as_they_were(normalize: Natives) -> None:
    longest = max(map(len, SAMPLES.values()))
    columns = {str(kind): pa.array(values + [None] * (longest - len(values)), kind) for kind, values in SAMPLES.items()}
    nested = pa.array([[{"a": 1, "b": ["x", None]}]] * longest)
    rows = pa.table({**columns, "nested": nested, "text": [" T"] * longest})

    found = normalize.transform(OPTIONS, rows, batch=2).drop_columns("clean")
    assert found.schema == rows.schema
    assert repr(found.to_pydict()) == repr(rows.to_pydict())  # NaN and all


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ('{"field": "lost", "to": "clean"}', "get_schema: field: there is no column 'lost'"),
        ('{"field": "n", "to": "clean"}', "get_schema: field: the column 'n' is no text"),
        ('{"field": null, "to": "clean"}', "open: the option field is missing, or longer than 255 bytes"),
        ("{}", "open: the option field is missing, or longer than 255 bytes"),
    ],
)
def test_a_wrong_option_is_told(normalize: Natives, options: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"^plugin normalize: {text}$"):
        normalize.transform(options, pa.table({"n": [1], "text": ["a"]}))


@pytest.mark.parametrize("name", ['with "quotes"', "日本", "tab\there", "back\\slash", "😀", "a, {b: [1]}"])
def test_options_are_read_whatever_they_hold(normalize: Natives, name: str) -> None:
    rows = pa.table({name: [" A "]})
    for ascii_only in (True, False):
        options = json.dumps({"more": {"field": ["x"]}, "field": name, "to": name}, ensure_ascii=ascii_only)
        assert normalize.transform(options, rows)[name].to_pylist() == ["a"]


def test_rows_held_on_to_are_not_written_over(normalize: Natives) -> None:
    """Memory that is shared with the plugin's process is used again once, and not before, nobody refers to it."""
    rows = pa.table({"text": [f"Text {number}" for number in range(50_000)]})
    found = normalize.transform(OPTIONS, rows, batch=1000)
    assert found["clean"].to_pylist() == [f"text {number}" for number in range(50_000)]


def test_the_example_as_it_is_shipped_does_the_same(normalize: Natives) -> None:
    """It is built for Linux on x86-64; its digest is in the lock of the plugins folder."""
    rows = pa.table({"text": TEXTS})
    built = normalize.transform(OPTIONS, rows)
    normalize.binary = EXAMPLES / "normalize-native" / "normalize-native.so"
    assert normalize.transform(OPTIONS, rows).equals(built)
