"""The Relation: a lazy, re-openable, picklable description of rows. Nothing is read until it is opened."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from lumos_dagster.accounting import Book
from lumos_dagster.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


class Source(Protocol):
    """Where rows come from: opened as often as one likes, each time from the first row, all freed at the end."""

    def open(self, book: Book) -> AbstractContextManager[pa.RecordBatchReader]:
        """A fresh reader over all rows."""


class Step(Protocol):
    """What is done to rows on their way: batch by batch, in bounded memory."""

    def apply(self, rows: pa.RecordBatchReader, book: Book) -> AbstractContextManager[pa.RecordBatchReader]:
        """A reader over the changed rows; a mistake that the schema shows is raised before the first row."""


@dataclass(frozen=True)
class Relation:
    """A source and the steps its rows go through."""

    source: Source
    steps: tuple[Step, ...] = ()

    @contextmanager
    def open(self, book: Book | None = None) -> Iterator[pa.RecordBatchReader]:
        """Read the rows; what is opened closes with the block. `book` takes the counts of every stage."""
        book = book or Book()
        with ExitStack() as stack:
            rows = stack.enter_context(self.source.open(book))
            for step in self.steps:
                rows = stack.enter_context(step.apply(rows, book))
            yield rows

    def pipe(self, step: Step) -> "Relation":
        """The same rows with one step more."""
        return replace(self, steps=(*self.steps, step))

    @property
    def schema(self) -> pa.Schema:
        """The columns, found by opening the source without reading its rows."""
        with self.open() as rows:
            return rows.schema

    def to_table(self) -> pa.Table:
        """All rows in memory."""
        with self.open() as rows:
            return rows.read_all()

    def to_pandas(self) -> "pd.DataFrame":
        """All rows in memory, with Arrow-backed columns, so that no integer or null turns into a float."""
        import pandas as pd

        return self.to_table().to_pandas(types_mapper=pd.ArrowDtype)

    @staticmethod
    def of(table: "pa.Table | pd.DataFrame") -> "Relation":
        """A Relation over rows in memory."""
        if not isinstance(table, pa.Table):
            table = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
        return Relation(InMemory(table))

    @staticmethod
    def union(relations: "tuple[Relation, ...]") -> "Relation":
        """The rows of several as one stream, in order, united by column name."""
        return relations[0] if len(relations) == 1 else Relation(Union(relations))


@dataclass(frozen=True)
class InMemory:
    """A Source over a table."""

    table: pa.Table

    @contextmanager
    def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
        """A reader over the table's own batches."""
        yield self.table.to_reader()


@dataclass(frozen=True)
class Union:
    """A Source that is several relations one after another; a column missing on one side is null there."""

    relations: tuple[Relation, ...]

    @contextmanager
    def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
        """A reader over all; DataError where the types of a column cannot be united without loss."""
        with ExitStack() as stack:
            readers = [stack.enter_context(relation.open(book)) for relation in self.relations]
            schema = united_schema([reader.schema for reader in readers])
            yield pa.RecordBatchReader.from_batches(
                schema, (conform(batch, schema) for reader in readers for batch in reader)
            )


def united_schema(schemas: list[pa.Schema]) -> pa.Schema:
    """All columns by name, in the order first met. Raises DataError naming a column whose types cannot be united."""
    fields: dict[str, pa.Field[Any]] = {}
    for schema in schemas:
        for column in schema:
            known = fields.get(column.name)
            if known is None or known.equals(column, check_metadata=True):
                fields[column.name] = column.with_nullable(True)
                continue
            united = _united_type(known.type, column.type)
            if united is None:
                raise DataError(
                    f"the parents' rows cannot be united: column {column.name!r} is {known.type} in one and "
                    f"{column.type} in another. Convert one of them (convert_field) before they meet."
                )
            fields[column.name] = pa.field(column.name, united)
    return pa.schema(list(fields.values()))


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the columns and types of `schema`, absent columns null. The types must be wider or equal."""
    names = set(batch.schema.names)
    try:
        columns = [
            batch.column(field.name).cast(field.type) if field.name in names else pa.nulls(batch.num_rows, field.type)
            for field in schema
        ]
    except pa.ArrowInvalid as error:
        raise DataError(f"the parents' rows cannot be united: {error}") from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _united_type(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    """The type that holds every value of both exactly, or None. Never through a float that was not one."""
    if left == right or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    families = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_timestamp, _is_text)
    if not any(family(left) and family(right) for family in families):
        return None
    if getattr(left, "tz", None) != getattr(right, "tz", None):
        return None
    try:
        merged = pa.unify_schemas([pa.schema([("x", left)]), pa.schema([("x", right)])], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    united: pa.DataType = merged.field("x").type
    return united


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
