"""A Relation reads nothing until it is opened, and as often as one likes."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.errors import DataError
from lumos_dagster.relation import Relation, united_schema


@dataclass(frozen=True)
class Numbers:
    """A source that tells what happens to it."""

    events: list[str] = field(default_factory=list)

    @contextmanager
    def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
        def batches() -> Iterator[pa.RecordBatch]:
            for number in range(3):
                self.events.append(f"read {number}")
                yield pa.record_batch({"n": [number]})

        self.events.append("open")
        try:
            yield pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), batches())
        finally:
            self.events.append("close")


@dataclass(frozen=True)
class Double:
    """A step."""

    @contextmanager
    def apply(self, rows: pa.RecordBatchReader, book: Book) -> Iterator[pa.RecordBatchReader]:
        doubled = (pa.record_batch({"n": [value * 2 for value in batch["n"].to_pylist()]}) for batch in rows)
        yield pa.RecordBatchReader.from_batches(rows.schema, doubled)


def test_nothing_is_read_before_it_is_asked_for(book: Book) -> None:
    source = Numbers()
    relation = Relation(source).pipe(Double())

    assert relation.schema.names == ["n"]
    assert source.events == ["open", "close"]

    with relation.open(book) as rows:
        assert next(rows).to_pylist() == [{"n": 0}]
    assert source.events == ["open", "close", "open", "read 0", "close"]


def test_it_can_be_opened_again_and_twice_at_once(book: Book) -> None:
    relation = Relation(Numbers()).pipe(Double())

    with relation.open(book) as one, relation.open(book) as other:
        next(one)
        assert other.read_all().to_pylist() == [{"n": 0}, {"n": 2}, {"n": 4}]
    assert relation.to_table().to_pylist() == [{"n": 0}, {"n": 2}, {"n": 4}]


def test_what_is_opened_is_closed_on_an_error(book: Book) -> None:
    source = Numbers()

    with pytest.raises(KeyError), Relation(source).open(book):
        raise KeyError

    assert source.events == ["open", "close"]


def test_it_travels_between_processes() -> None:
    relation = Relation.of(pa.table({"n": [1, 2]}))

    assert pickle.loads(pickle.dumps(relation)).to_table() == relation.to_table()


def test_pandas_and_back_changes_no_type() -> None:
    table = pa.table({"n": pa.array([1, None], pa.int64()), "d": pa.array([Decimal("1.10"), None])})
    frame = Relation.of(table).to_pandas()

    assert isinstance(frame, pd.DataFrame)
    assert Relation.of(frame).to_table() == table


def test_a_union_goes_by_name_and_in_order() -> None:
    one = Relation.of(pa.table({"a": [1], "b": ["x"]}))
    other = Relation.of(pa.table({"b": ["y"], "c": [True]}))

    table = Relation.union((one, other, one)).to_table()

    assert table.to_pylist() == [
        {"a": 1, "b": "x", "c": None},
        {"a": None, "b": "y", "c": True},
        {"a": 1, "b": "x", "c": None},
    ]


@pytest.mark.parametrize(
    ("left", "right", "united"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.int64(), pa.null(), pa.int64()),
        (pa.null(), pa.string(), pa.string()),
        (pa.string(), pa.large_string(), pa.large_string()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.decimal128(10, 2), pa.decimal128(9, 4), pa.decimal128(12, 4)),
        (pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("us")),
        (pa.int64(), pa.float64(), None),
        (pa.int64(), pa.string(), None),
        (pa.int64(), pa.decimal128(10, 2), None),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), None),
        (pa.date32(), pa.timestamp("us"), None),
        (pa.bool_(), pa.int64(), None),
    ],
)
def test_types_are_united_only_where_no_value_changes(left: pa.DataType, right: pa.DataType, united: object) -> None:
    schemas = [pa.schema([("x", left)]), pa.schema([("x", right)])]

    if united is None:
        with pytest.raises(DataError, match=r"column 'x' is .* in one and .* in another. Convert one"):
            united_schema(schemas)
    else:
        assert united_schema(schemas).field("x").type == united
        assert united_schema(schemas[::-1]).field("x").type == united


def test_a_value_that_the_united_type_cannot_hold_is_an_error() -> None:
    signed = Relation.of(pa.table({"x": pa.array([1], pa.int64())}))
    unsigned = Relation.of(pa.table({"x": pa.array([2**64 - 1], pa.uint64())}))

    with pytest.raises(DataError, match=r"cannot be united.*18446744073709551615"):
        Relation.union((signed, unsigned)).to_table()
