"""What the author of a component may count on."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.accounting import BadRow, Book
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.errors import ConfigError, DataError, Interrupted
from lumos_dagster.interface import (
    Component,
    ConnectionString,
    Deferred,
    Extraction,
    Extractor,
    Task,
    Transformation,
    Transformer,
    counted_in,
)
from lumos_dagster.relation import Relation
from lumos_dagster.values import RunContext

SCHEMA = pa.schema([("n", pa.int64())])


class Counting(Extractor):
    """Gives numbers."""

    size: int = 3
    """How many."""
    bad: int = 0
    """How many more are not numbers."""
    url: ConnectionString | None = None
    """Where."""
    closed: ClassVar[list[str]] = []

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        def batches() -> Iterator[pa.RecordBatch]:
            for number in range(self.size):
                yield pa.record_batch({"n": [number]}, schema=SCHEMA)
            task.bad_rows((BadRow(0, "n", "x", "is not a number", {}) for _ in range(self.bad)), self.bad)

        try:
            yield pa.RecordBatchReader.from_batches(SCHEMA, batches())
        finally:
            self.closed.append(task.op)


class Even(Transformer):
    """Keeps even numbers."""

    announce: str = "n"
    """What the column is called in the announcement."""

    def bind(self, schema: pa.Schema) -> pa.Schema:
        return pa.schema([(self.announce, schema.field("n").type)])

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        def batches() -> Iterator[pa.RecordBatch]:
            for batch in rows:
                kept = batch.filter(pa.array([value % 2 == 0 for value in batch["n"].to_pylist()]))
                task.count.filtered += batch.num_rows - kept.num_rows
                yield kept

        return pa.RecordBatchReader.from_batches(rows.schema, batches())


def extraction(run: RunContext, on_error: Any = "fail", **options: Any) -> Extraction:
    return Extraction(Deferred("read", Counting, options, run, on_error))


def step(run: RunContext, **options: Any) -> Transformation:
    return Transformation(Deferred("even", Even, options, run))


def test_options_are_the_component_and_unknown_ones_are_refused() -> None:
    assert Counting.model_validate({"size": "5"}).size == 5
    with pytest.raises(ValidationError, match="unknown key"):
        Counting.model_validate({"sise": 5})
    with pytest.raises(ValidationError, match="frozen"):
        Counting().size = 4  # type: ignore[misc]


def test_field_docstrings_are_the_documentation() -> None:
    assert Counting.option_texts()["size"] == "How many."


def test_each_stage_counts_its_rows(run: RunContext, book: Book) -> None:
    with Relation(extraction(run, size=5)).pipe(step(run)).open(book) as rows:
        assert rows.read_all()["n"].to_pylist() == [0, 2, 4]

    read, even = book.tasks["read"].count, book.tasks["even"].count
    assert (read.made, read.rows_out, even.rows_in, even.filtered, even.rows_out) == (5, 5, 5, 2, 3)
    assert (read.bytes, even.bytes) == (40, 24)
    book.check()


@pytest.mark.parametrize("size", [0, 2])
def test_rejects_of_an_extractor_are_rows_that_it_read(run: RunContext, book: Book, size: int) -> None:
    with Relation(extraction(run, "reject", size=size, bad=2)).open(book) as rows:
        rows.read_all()

    count = book.tasks["read"].count
    assert (count.made, count.rows_out, count.rejected) == (size + 2, size, 2)
    book.check()


def test_what_is_open_closes_when_the_rows_are_not_read_to_their_end(run: RunContext, book: Book) -> None:
    Counting.closed.clear()
    with Relation(extraction(run)).open(book) as rows:
        next(rows)

    assert Counting.closed == ["read"]


def test_a_transformer_must_give_what_it_announced(run: RunContext, book: Book) -> None:
    with pytest.raises(DataError, match=r"even: gives columns .* where .* were announced"):
        Relation(extraction(run)).pipe(step(run, announce="m")).open(book).__enter__()


def test_a_batch_must_have_the_columns_of_its_reader(book: Book) -> None:
    other = pa.record_batch({"m": [1]})

    def rows() -> Iterator[pa.RecordBatch]:
        yield other

    class Lying:
        schema = SCHEMA

        def __iter__(self) -> Iterator[pa.RecordBatch]:
            return rows()

    with book.task("load") as task, pytest.raises(DataError, match="load: a batch has columns"):
        counted_in(Lying(), task).read_all()  # type: ignore[arg-type]


def test_a_cancelled_attempt_stops_between_batches(run: RunContext, book: Book) -> None:
    with Relation(extraction(run)).open(book) as rows:
        next(rows)
        book.cancellation.cancel(Interrupted("told to end"))
        with pytest.raises(Interrupted, match="told to end"):
            next(rows)


def test_options_are_resolved_when_the_component_is_built(run: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    deferred = Deferred("read", Counting, {"size": "${SIZE}", "url": "${URL}"}, run)
    monkeypatch.setenv("SIZE", "7")
    monkeypatch.setenv("URL", "postgresql://u:hunter2@h/d")

    built = deferred.build()

    assert built.size == 7
    assert built.url is not None
    assert built.url.get_secret_value() == "postgresql://u:hunter2@h/d"
    assert "hunter2" not in f"{built!r} {built} {deferred!r}"
    assert b"hunter2" not in pickle.dumps(deferred)


def test_a_missing_variable_is_named_with_its_place(run: RunContext) -> None:
    with pytest.raises(ConfigError, match=r"jobs\.read\.options\.size: the environment variable GONE is not set"):
        Deferred("read", Counting, {"size": "${GONE}"}, run).build()


def test_a_resolved_value_that_does_not_fit_is_told_without_being_shown(
    run: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIZE", "hunter2")

    with pytest.raises(ConfigError) as caught:
        Deferred("read", Counting, {"size": "${SIZE}"}, run).build()

    text = str(caught.value)
    assert "jobs.read.options.size: must be a whole number; found '${SIZE}'" in text
    assert "hunter2" not in text


def test_a_resolved_value_is_not_quoted_by_a_components_own_words(
    run: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCODING", "hunter2")

    with pytest.raises(
        ConfigError, match=r"options\.encoding: the value .* not accepted; found '\$\{ENCODING\}'"
    ) as caught:
        Deferred("read", CsvExtractor, {"file_path": "a.csv", "encoding": "${ENCODING}"}, run).build()

    assert "hunter2" not in str(caught.value)


def test_a_component_says_what_it_is() -> None:
    assert issubclass(Counting, Component)
    assert (Counting.kind, Even.kind) == ("extractor", "transformer")
    assert Counting.option_names() == {"size": (), "bad": (), "url": ()}
