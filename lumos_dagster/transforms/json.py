"""The `json` transformer (also `default` and `basic`): an ordered list of operations."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pyarrow as pa
from pydantic import AliasChoices, BeforeValidator, Field

from lumos_dagster.interface import Rule, Task, Transformer
from lumos_dagster.lineage import Origins
from lumos_dagster.transforms.operation import Operation, bind_all, run_all
from lumos_dagster.transforms.operations import OneOperation, rules_of, secrets_of
from lumos_dagster.values import Raw


def _some(operations: Any) -> Any:
    if isinstance(operations, list | tuple) and not operations:
        raise ValueError("must list at least one operation")
    return operations


class Json(Transformer):
    """Changes rows by a list of operations, each on what the one before it gives, in one pass."""

    transforms: Annotated[tuple[Annotated[Operation, OneOperation()], ...], BeforeValidator(_some)] = Field(
        validation_alias=AliasChoices("transforms", "operations")
    )
    """The operations, in order; each names itself by `operation:` or `type:`."""

    @classmethod
    def hidden(cls, options: Mapping[str, Raw]) -> Iterator[str]:
        """What its operations keep secret, such as salts."""
        yield from secrets_of(options.get("transforms"))

    @classmethod
    def rules(cls, options: Mapping[str, Raw]) -> tuple[Rule, ...]:
        """Those of its `validate` operations."""
        return tuple(dict.fromkeys(rules_of(options["transforms"])))

    def bind(self, schema: pa.Schema) -> pa.Schema:
        """The columns after the last operation; ConfigError naming the operation that does not fit."""
        return bind_all(self.transforms, schema, "transforms")[0].schema

    def origins(self, schema: pa.Schema) -> Origins:
        """What the operations made each column of."""
        return bind_all(self.transforms, schema, "transforms")[0].origins

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        """The rows after the last operation."""
        columns, steps = bind_all(self.transforms, rows.schema, "transforms")
        in_turn = any(operation.in_turn for operation in self.transforms)
        return run_all(rows, columns.schema, steps, task, in_turn=in_turn, hidden=columns.hidden)
