"""Rows that polars writes by itself are written as the slower way writes them, byte for byte."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.connectors.csv.rendering import Renderer

TEXTS = st.one_of(
    st.none(), st.text(), st.sampled_from(["", " ", '"', ",", "\r", "\n", "\ufeff", "'", "a\r\nb", "NULL", ";"])
)
ROWS = st.lists(
    st.tuples(
        TEXTS,
        TEXTS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20),
        st.none() | st.dates(),
        st.none() | st.booleans(),
        st.none() | st.floats(),
        st.none() | st.datetimes(),
    ),
    min_size=1,
)
TYPES = (
    pa.string(), pa.string(), pa.int64(), pa.decimal128(38, 3), pa.date32(), pa.bool_(), pa.float64(), pa.timestamp("us"),
)  # fmt: skip


def slowly(renderer: Renderer, batch: pa.RecordBatch, monkeypatch: pytest.MonkeyPatch) -> str | None:
    with monkeypatch.context() as patch:
        patch.setattr(Renderer, "_plainly", lambda *_: None)
        return renderer.rows(batch)


@given(ROWS, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n"]), st.sampled_from(['"', "'"]))
def test_both_ways_write_the_same(rows: list[tuple[object, ...]], delimiter: str, line_end: str, quote: str) -> None:
    columns = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), TYPES, strict=True)]
    batch = pa.RecordBatch.from_arrays(columns, names=list("abcdefgh"))
    renderer = Renderer(delimiter=delimiter, quote=quote, line_end=line_end)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert renderer.rows(batch) == slowly(renderer, batch, monkeypatch)


def test_of_one_column_null_and_the_empty_text_stay_apart() -> None:
    batch = pa.record_batch({"a": [None, "", "x"]})
    assert Renderer().rows(batch) == '\n""\nx\n'


def test_usual_rows_go_the_fast_way() -> None:
    batch = pa.record_batch({"a": ["x,y", None], "b": [Decimal("1.50"), None], "c": [date(2026, 1, 2), None]})
    assert Renderer()._plainly(batch) == '"x,y",1.50,2026-01-02\n,,\n'
