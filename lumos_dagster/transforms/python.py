"""The `python` transformer: a function of the user's own, given pandas or Arrow tables."""

import importlib
import traceback
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import pandas as pd
import pyarrow as pa
from pydantic import Field, field_validator

from lumos_dagster.accounting import Task
from lumos_dagster.conversion.names import type_named
from lumos_dagster.errors import DataError, FunctionError, LumosError
from lumos_dagster.interface import Combiner
from lumos_dagster.problems import repeated

Function = Callable[[Any], Any]


class Python(Combiner):
    """Gives what a function makes of the rows: `def name(rows: pandas.DataFrame) -> pandas.DataFrame`.

    It is called for each batch, and once with no rows where there are none. Columns come with Arrow's
    own types, so that no integer or null turns into a float. What it gives must have the same columns
    and types for every batch.
    """

    apart: ClassVar[bool] = False
    balanced: ClassVar[bool] = False
    stoppable: ClassVar[bool] = False
    function: str
    """Where it is: `package.module:name`."""
    as_: Literal["pandas", "arrow"] | None = Field(None, validation_alias="as")
    """What it is given: a pandas.DataFrame or a pyarrow.Table; without it what its first argument is annotated with,
    else pandas."""
    whole: bool = False
    """Whether it is called once with all rows, which must then fit into memory."""
    types: dict[str, str] = Field(default_factory=dict)
    """The types of columns that it gives, as in `convert_field`, where a batch alone may not tell (all null)."""

    @field_validator("function")
    @classmethod
    def _is_there(cls, place: str) -> str:
        _imported(place)
        return place

    @field_validator("types")
    @classmethod
    def _are_types(cls, types: dict[str, str]) -> dict[str, str]:
        for name in types.values():
            type_named(name)
        return types

    def bind(self, inputs: Mapping[str, pa.Schema]) -> None:
        """Only what the function gives can tell the columns."""

    @contextmanager
    def combine(self, inputs: Mapping[str, pa.RecordBatchReader], task: Task) -> Iterator[pa.RecordBatchReader]:
        """What the function gives for each batch; the first one is asked for here, since it tells the columns."""
        (rows,) = inputs.values()
        given = self._tables(rows, task)
        first = next(given)

        def batches() -> Iterator[pa.RecordBatch]:
            yield from first.to_batches()
            for table in given:
                self._check_same(table.schema, first.schema, task)
                yield from table.to_batches()

        yield pa.RecordBatchReader.from_batches(first.schema, batches())

    def _tables(self, rows: pa.RecordBatchReader, task: Task) -> Iterator[pa.Table]:
        """What the function gives, once at least."""
        function = _imported(self.function)
        frames = (self.as_ or _annotated(function)) == "pandas"
        start = 0
        for number, table in enumerate(self._given(rows), 1):
            stop = start + table.num_rows
            where = f"batch {number} (rows {start + 1} to {stop})" if stop > start else "no rows"
            yield self._called(function, table, frames, f"{task.op}: {self.function}, given {where}")
            start = stop

    def _given(self, rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
        if self.whole:
            yield rows.read_all()
            return
        empty = True
        for batch in rows:
            if batch.num_rows:
                empty = False
                yield pa.Table.from_batches([batch])
        if empty:
            yield rows.schema.empty_table()

    def _called(self, function: Function, table: pa.Table, frames: bool, where: str) -> pa.Table:
        given = table.to_pandas(types_mapper=pd.ArrowDtype) if frames else table
        try:
            found = function(given)
        except LumosError:
            raise
        except (Exception, SystemExit) as error:
            raise FunctionError(f"{where}: {_last_line(error)}{type(error).__name__}: {error}") from error
        if isinstance(found, pd.DataFrame):
            found = _arrow(found, where)
        if not isinstance(found, pa.Table):
            raise DataError(f"{where}: gives {type(found).__name__}, not a pandas.DataFrame or a pyarrow.Table")
        _check_once(found.schema.names, where)
        if not found.schema.names:
            raise DataError(f"{where}: gives no columns")
        return self._typed(found.replace_schema_metadata(None), where)

    def _typed(self, table: pa.Table, where: str) -> pa.Table:
        if missing := [name for name in self.types if name not in table.schema.names]:
            raise DataError(f"{where}: gives no column {missing[0]!r}, which types names")
        fields = [
            field.with_type(type_named(self.types[field.name])) if field.name in self.types else field
            for field in table.schema
        ]
        try:
            return table.cast(pa.schema(fields))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(f"{where}: a value does not fit what types says: {error}") from None

    def _check_same(self, schema: pa.Schema, first: pa.Schema, task: Task) -> None:
        if schema == first:
            return
        before, now = (
            dict(zip(first.names, first.types, strict=True)),
            dict(zip(schema.names, schema.types, strict=True)),
        )
        changed = [name for name in dict.fromkeys((*before, *now)) if before.get(name) != now.get(name)]
        what = "; ".join(
            f"{name!r} was {before.get(name, 'absent')}, now {now.get(name, 'absent')}" for name in changed
        )
        raise DataError(
            f"{task.op}: {self.function} gives other columns than for the first batch: {what or 'in another order'}. "
            "Give every batch the same columns, name them under types, or set whole: true."
        )


def _imported(place: str) -> Function:
    """The function. Raises ValueError for one that is not there."""
    module, _, name = place.partition(":")
    if not module or not name.isidentifier():
        raise ValueError("must be package.module:name")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        hint = "It must be installed, or lie on PYTHONPATH."
        raise ValueError(f"cannot import {module}: {type(error).__name__}: {error}. {hint}") from None
    function = getattr(found, name, None)
    if not callable(function):
        raise ValueError(f"{module} has no function {name}")  # noqa: TRY004
    callable_: Function = function
    return callable_


def _annotated(function: Function) -> str:
    """What the first argument is annotated with."""
    try:
        hints = [hint for name, hint in typing.get_type_hints(function).items() if name != "return"]
    except (NameError, TypeError):
        hints = []
    return "arrow" if hints and hints[0] is pa.Table else "pandas"


def _check_once(names: Sequence[Any], where: str) -> None:
    if doubled := repeated(names):
        raise DataError(f"{where}: gives more than one column named {doubled[0]!r}")


def _arrow(frame: pd.DataFrame, where: str) -> pa.Table:
    _check_once(list(frame.columns), where)
    if named := [name for name in frame.index.names if name is not None]:
        raise DataError(f"{where}: the index {named[0]!r} is no column and would be lost: give frame.reset_index()")
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{where}: what it gives is no table of plain columns: {error}") from None


def _last_line(error: BaseException) -> str:
    """Where in the user's code it was raised."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
