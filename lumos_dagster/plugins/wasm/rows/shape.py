"""The columns of what a guest gives: those of its first rows, which all that follow must fit."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyarrow import types

from lumos_dagster.conversion.kinds import Array
from lumos_dagster.errors import DataError
from lumos_dagster.plugins.wasm.dialects import Rows
from lumos_dagster.plugins.wasm.rows.reading import UnfitError, inferred, is_unicode, plain, typed


class Shape:
    """Makes batches of one schema out of rows; `error` makes an error of what is wrong with them.

    A column that bears the name of one that went in keeps that one's type, if the values fit it; a new one gets the
    type that all values of the first batch fit.
    """

    def __init__(self, error: Callable[[str], Exception], given: pa.Schema | None = None) -> None:
        self._error = error
        self._given = given if given is not None else pa.schema([])
        self._schema: pa.Schema | None = None
        exact = any(_has_decimal(kind) for kind in self._given.types)
        self._decoder = json.JSONDecoder(parse_float=Decimal) if exact else json.JSONDecoder()

    def reader(self, rows: Iterable[Rows], no_rows: Callable[[], Rows]) -> pa.RecordBatchReader:
        """Batches of them all; the first are read at once, for their columns; those of `no_rows` if there are none."""
        batches = self._batches(rows)
        first = next(batches, None)
        if first is None:
            self._fix(no_rows())
        schema = self._schema if self._schema is not None else self._given

        def all_of_them() -> Iterator[pa.RecordBatch]:
            if first is not None:
                yield first
            yield from batches

        return pa.RecordBatchReader.from_batches(schema, all_of_them())

    def _fix(self, rows: Rows) -> None:
        if isinstance(rows, pa.Table):
            self._schema = rows.schema

    def _batches(self, many: Iterable[Rows]) -> Iterator[pa.RecordBatch]:
        for given in many:
            rows = self._of_json(given) if isinstance(given, bytes | str) else given
            for batch in rows.to_batches() if isinstance(rows, pa.Table) else self._of_records(rows):
                if batch.num_rows:
                    yield self._checked(batch)

    def _checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._schema is None:
            self._schema = batch.schema
        if batch.schema != self._schema:
            raise self._error(f"gave columns {_told(batch.schema)} where its first rows had {_told(self._schema)}")
        return batch

    def _of_json(self, text: bytes | str) -> list[Any]:
        try:
            rows = self._decoder.decode((text if isinstance(text, str) else text.decode()).strip() or "[]")
        except UnicodeDecodeError as error:
            raise self._error(f"gave bad UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}") from None
        except (ValueError, RecursionError) as error:
            raise self._error(f"gave malformed JSON: {error}") from None
        if not isinstance(rows, list):
            raise self._error(f"gave a JSON {type(rows).__name__} where an array of rows was expected")
        return rows

    def _of_records(self, rows: Sequence[Any]) -> Iterator[pa.RecordBatch]:
        if not rows:
            return
        names: dict[str, None] = dict.fromkeys(self._schema.names) if self._schema is not None else {}
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                raise self._error(f"gave {_short(row)} as row {number}, where a JSON object was expected")
            if new := [name for name in row if name not in names]:
                names.update(dict.fromkeys(new))
                if not all(is_unicode(name) for name in new):
                    raise self._error(f"gave {new!a} as names of columns in row {number}: they are no text")
        if self._schema is None:
            names = {name: None for name in self._given.names if name in names} | names
        columns = {name: self._column(name, [row.get(name) for row in rows]) for name in names}
        if self._schema is None:
            fields = [self._field(name, column.type) for name, column in columns.items()]
            self._schema = pa.schema(fields).with_metadata(self._given.metadata)
        if not columns:
            raise self._error("gave rows without any column")
        yield pa.RecordBatch.from_arrays(list(columns.values()), schema=self._schema)

    def _column(self, name: str, values: list[Any]) -> Array:
        if self._schema is not None:
            if name not in self._schema.names:
                raise DataError(str(self._error(f"gave a new column {name!r}, which its first rows did not have")))
            return self._fitting(name, values, self._schema.field(name).type)
        if name in self._given.names:
            try:
                return typed(values, self._given.field(name).type)
            except UnfitError:
                pass  # the guest made something else of it
        return self._fitting(name, values, inferred(values))

    def _fitting(self, name: str, values: list[Any], kind: pa.DataType) -> Array:
        try:
            return typed(values, kind)
        except UnfitError as error:
            cause = f"row {error.index + 1} of what it gave: column {name!r}: {_short(error.value)} is no {kind}"
            reason = "" if self._schema is None else ", which the first rows made of this column"
            raise DataError(str(self._error(cause + reason))) from None

    def _field(self, name: str, kind: pa.DataType) -> "pa.Field[Any]":
        if name in self._given.names and self._given.field(name).type == kind:
            return self._given.field(name).with_nullable(True)
        return pa.field(name, kind)


def _has_decimal(kind: Any) -> bool:
    if types.is_nested(kind):
        return any(_has_decimal(kind.field(at).type) for at in range(kind.num_fields))
    return bool(types.is_decimal(kind))


def _short(value: Any) -> str:
    text = plain(value)
    return ascii(text if len(text) <= 80 else text[:77] + "...")


def _told(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema) or "none"
