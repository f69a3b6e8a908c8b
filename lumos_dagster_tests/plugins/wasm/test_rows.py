"""Rows to JSON and back, through a guest that gives what it got."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from lumos_dagster.errors import DataError
from lumos_dagster.plugins.wasm.rows.writing import to_json
from lumos_dagster.testing.randoms import random_tables
from lumos_dagster.testing.samples import SAMPLES
from lumos_dagster_tests.plugins.wasm.guests import Guests, core, says

ECHO = core("(local.get $rows)")
EXTREMES: Sequence[tuple[pa.DataType, list[Any]]] = [
    (pa.int64(), [-(2**63), 2**63 - 1]),
    (pa.uint64(), [0, 2**64 - 1]),
    (pa.float64(), [math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308]),
    (pa.float32(), [0.1, 3.4028234663852886e38]),
    (pa.float16(), [0.5, -2.0]),
    (pa.decimal128(38, 10), [Decimal("1234567890123456789012345678.0123456789"), Decimal("0E-10")]),
    (pa.decimal256(76, 2), [Decimal(10**70).scaleb(-2)]),
    (pa.large_string(), ["", '"\\\n\u2028\0', "😀"]),
    (pa.string_view(), ["", "x" * 50]),
    (pa.large_binary(), [b"\0\xff"]),
    (pa.binary(3), [b"\0\xff1"]),
    (pa.time32("s"), [time(23, 59, 59)]),
    (pa.time64("ns"), [time(1, 2, 3, 4)]),
    (pa.timestamp("s"), [datetime(2026, 1, 2, 3, 4, 5)]),
    (pa.timestamp("ns", "UTC"), [datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)]),
    (pa.timestamp("us", "Asia/Shanghai"), [datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)]),
    (pa.duration("us"), [timedelta(days=-1, microseconds=1)]),
    (
        pa.list_(pa.struct([("d", pa.decimal128(5, 2)), ("b", pa.binary())])),
        [[{"d": Decimal("1.50"), "b": b"\xff"}, None], []],
    ),
    (pa.large_list(pa.timestamp("us")), [[datetime(2026, 1, 1)], None]),
    (pa.list_(pa.int32(), 2), [[1, 2]]),
    (pa.map_(pa.string(), pa.int64()), [[("k", 1), ("l", None)], []]),
    (pa.struct([("f", pa.list_(pa.float64()))]), [{"f": [math.inf, 1.5]}]),
    (pa.null(), [None]),
]


@pytest.mark.parametrize(("kind", "values"), [*SAMPLES.items(), *EXTREMES], ids=lambda part: str(part)[:40])
def test_every_type_comes_back_exactly(guests: Guests, kind: pa.DataType, values: list[Any]) -> None:
    rows = pa.table({"first": pa.array([*values, None], kind), "text": pa.array(["x"] * (len(values) + 1))})

    assert guests.transform(ECHO, rows).equals(rows)


def test_not_a_number_comes_back(guests: Guests) -> None:
    rows = pa.table({"f": [math.nan, 1.0, None]})

    back = guests.transform(ECHO, rows)

    assert back.schema == rows.schema
    assert str(back.column("f").to_pylist()) == "[nan, 1.0, None]"


def test_words_of_a_dictionary_come_back_as_text(guests: Guests) -> None:
    rows = pa.table({"word": pa.array(["a", "b", "a"]).dictionary_encode()})

    assert guests.transform(ECHO, rows).column("word").to_pylist() == ["a", "b", "a"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=random_tables(SAMPLES, 1))
def test_random_tables_come_back_exactly(guests: Guests, rows: pa.Table) -> None:
    assert guests.transform(ECHO, rows).equals(rows)


def test_odd_names_of_columns_come_back(guests: Guests) -> None:
    rows = pa.table([[1]] * 4, names=["", 'a "b"', "名字", "x.y"])

    assert guests.transform(ECHO, rows).equals(rows)


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="columns a are there twice"):
        to_json(pa.record_batch([[1], [2]], names=["a", "a"]))


def test_rows_without_columns_are_still_counted() -> None:
    batch = pa.record_batch({"a": [1, 2]}).select([])

    assert to_json(batch) == "[{},{}]"


@pytest.mark.parametrize(
    ("answer", "kind", "values"),
    [
        ('[{"n": 1}, {"n": null}, {}]', pa.int64(), [1, None, None]),
        ('[{"n": 18446744073709551615}]', pa.uint64(), [2**64 - 1]),
        ('[{"n": 340282366920938463463374607431768211456}]', pa.string(), ["340282366920938463463374607431768211456"]),
        ('[{"n": 1}, {"n": 2.5}]', pa.float64(), [1.0, 2.5]),
        ('[{"n": 9007199254740993}, {"n": 0.5}]', pa.string(), ["9007199254740993", "0.5"]),
        ('[{"n": true}, {"n": 1}]', pa.string(), ["true", "1"]),
        ('[{"n": {"a": 1}}, {"n": {"b": ["x"]}}]', None, [{"a": 1, "b": None}, {"a": None, "b": ["x"]}]),
        ('[{"n": {"a": 1}}, {"n": 3}]', pa.string(), ['{"a":1}', "3"]),
        ('[{"n": {}}]', pa.string(), ["{}"]),
        ('[{"n": []}, {"n": [[1]]}]', pa.list_(pa.list_(pa.int64())), [[], [[1]]]),
        ('[{"n": null}]', pa.string(), [None]),
    ],
)
def test_a_new_column_has_the_type_that_all_its_values_fit(
    guests: Guests, answer: str, kind: pa.DataType | None, values: list[Any]
) -> None:
    column = guests.transform(core(says(answer)), pa.table({"a": [1]})).column("n")

    assert column.to_pylist() == values
    assert kind is None or column.type == kind


@pytest.mark.parametrize(
    ("kind", "answer", "value"),
    [
        (pa.decimal128(9, 2), "12.50", Decimal("12.50")),
        (pa.decimal128(20, 2), "123456789012345678.25", Decimal("123456789012345678.25")),
        (pa.int16(), '"7"', 7),
        (pa.float64(), "3", 3.0),
        (pa.string(), "5", "5"),
        (pa.timestamp("us"), '"2026-01-02T03:04:05"', datetime(2026, 1, 2, 3, 4, 5)),
    ],
)
def test_a_column_keeps_its_type_where_the_values_fit(
    guests: Guests, kind: pa.DataType, answer: str, value: Any
) -> None:
    rows = guests.transform(core(says(f'[{{"a": {answer}}}]')), pa.table({"a": pa.array([None], kind)}))

    assert rows.schema.field("a").type == kind
    assert rows.to_pylist() == [{"a": value}]


@pytest.mark.parametrize(("kind", "answer"), [(pa.int16(), 70000), (pa.int64(), "x"), (pa.date32(), "soon")])
def test_a_column_whose_values_do_not_fit_becomes_what_they_are(guests: Guests, kind: pa.DataType, answer: Any) -> None:
    rows = guests.transform(core(says(json.dumps([{"a": answer}]))), pa.table({"a": pa.array([None], kind)}))

    assert rows.to_pylist() == [{"a": answer}]


def test_a_column_that_is_not_given_back_is_gone(guests: Guests) -> None:
    rows = guests.transform(core(says('[{"b": 1}]')), pa.table({"a": [1], "b": [2], "c": [3]}))

    assert rows.schema == pa.schema([("b", pa.int64())])
