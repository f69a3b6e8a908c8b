"""What every operation of the `json` transformer is: options, the names it goes by, and `bind`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import AliasChoices, BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lumos_dagster.accounting import OnError, Task
from lumos_dagster.ahead import Numbered, in_order, numbered
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import StrictModel
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.rows import Check, Rows, Step

NAME_KEYS = ("operation", "type")
"""The keys under which an operation names itself."""


class Operation(StrictModel, ABC):
    """One change to rows. `names` are what it is called in YAML, the usual name first."""

    names: ClassVar[tuple[str, ...]]

    on_error: OnError | None = None
    """What becomes of a bad value here: fail, null, reject or skip. Without it, what the job's entry says."""

    @property
    def in_turn(self) -> bool:
        """Whether batches must come one after another: earlier ones matter to later ones, or a batch grows large."""
        return False

    @abstractmethod
    def bind(self, columns: Columns) -> Step:
        """Hold the options against the columns, change these as the rows will change, and give what changes the rows.

        Raises ConfigError whose path begins with the option's name.
        """

    def check(self, reads: Sequence[str], reason: Callable[[Sequence[Any]], str]) -> Check:
        """How bad values of this operation are reported: by the first column that it reads."""
        return Check(self.names[0], reads[0], tuple(reads), reason, self.on_error)

    @model_validator(mode="before")
    @classmethod
    def _drop_its_name(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        key = next((key for key in NAME_KEYS if data.get(key) in cls.names), None)
        return {name: value for name, value in data.items() if name != key}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The options, and the operation's name under either key."""
        found = handler.resolve_ref_schema(handler(schema))
        options = found.get("properties", {})
        named = {key: {"enum": list(cls.names)} for key in NAME_KEYS if key not in options}
        return found | {"properties": named | options, "anyOf": [{"required": [key]} for key in named]}


def _listed(value: Any) -> Any:
    """One name where a list may stand is a list of one."""
    names = [value] if isinstance(value, str | int) else value
    if isinstance(names, list | tuple):
        if not names:
            raise ValueError("must name at least one field")
        doubled = [name for name in names if list(names).count(name) > 1]
        if doubled:
            raise ValueError(f"names the field {doubled[0]!r} more than once")
    return names


Names = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""The name of a field, or a list of them."""


class OnFields(Operation):
    """An operation that does the same to one field or several."""

    fields: Names = Field(validation_alias=AliasChoices("field", "fields"))
    """The field, or a list of fields."""


def bind_all(operations: Sequence[Operation], schema: pa.Schema, option: str) -> tuple[Columns, list[Step]]:
    """The columns after the whole chain, and its steps. Raises ConfigError naming the operation by number and name."""
    columns = Columns(schema)
    steps: list[Step] = []
    for number, operation in enumerate(operations):
        try:
            steps.append(operation.bind(columns))
        except ConfigError as error:
            raise ConfigError(
                _placed(problem, f"{option}.{number}", operation) for problem in error.problems
            ) from error
    if not columns.schema.names:
        raise ConfigError(Problem("no column is left", path=option))
    return columns, steps


def run_all(
    rows: pa.RecordBatchReader,
    schema: pa.Schema,
    steps: Sequence[Step],
    task: Task,
    *,
    in_turn: bool = False,
    hidden: Collection[str] = (),
) -> pa.RecordBatchReader:
    """The rows after all steps, in order, each batch in one pass; several at the same time, but for steps `in_turn`.

    No message shows a value of the columns in `hidden`.
    """

    def worked(rows: Numbered) -> tuple[Rows, Iterable[pa.RecordBatch] | Exception]:
        """A batch after all steps: what the accounts must know, and what comes out of it, or why nothing does."""
        state = Rows(rows.batch, rows.first, task.on_error, hidden)
        try:
            for step in steps:
                if state.height:
                    step(state)
            return state, state.batches(schema)
        except Exception as error:  # raised in its turn, after what came before it
            return state, error

    def batches() -> Iterator[pa.RecordBatch]:
        for state, found in in_order(numbered(rows), worked, workers=1 if in_turn else 0):
            state.account(task)
            if isinstance(found, Exception):
                raise found
            yield from found

    return pa.RecordBatchReader.from_batches(schema, batches())


def _placed(problem: Problem, place: str, operation: Operation) -> Problem:
    path = ".".join(part for part in (place, problem.path) if part)
    return replace(problem, path=path, message=f"{operation.names[0]}: {problem.message}")
