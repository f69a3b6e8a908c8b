"""The `map` transformer: target fields from source fields, all read from the original row."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
from pydantic import Field, field_validator

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import StrictModel, Task, Transformer
from lumos_dagster.lineage import Origins
from lumos_dagster.transforms.chain import bind_chain, parse_chain
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.formula import Formula, column
from lumos_dagster.transforms.operation import run_all
from lumos_dagster.transforms.rows import Check, Rows, Step


class FieldMapping(StrictModel):
    """One target field."""

    source: str
    """The field that is read."""
    target: str | None = None
    """The field that is written; without it, the source itself."""
    transform: str | None = None
    """What is done to the value, such as `value.to_uppercase()`, `trim().prefix('x')`, `multiply(2)`."""

    @field_validator("transform")
    @classmethod
    def _is_known(cls, text: str | None) -> str | None:
        if text is not None:
            parse_chain(text)
        return text

    @property
    def written(self) -> str:
        """The field that is written."""
        return self.target or self.source

    def formula(self, columns: Columns) -> Formula:
        """The mapping's value. Raises ConfigError."""
        value = column(self.source, columns, "source")
        try:
            return bind_chain(parse_chain(self.transform), value) if self.transform else value
        except ValueError as error:
            raise ConfigError(Problem(str(error), path="transform")) from error


class Map(Transformer):
    """Writes target fields from source fields; all mappings read the original row."""

    mappings: tuple[FieldMapping, ...] = Field(min_length=1)
    """The target fields: source, target, transform."""
    remove_source_fields: bool = False
    """Whether the fields that were read are left out, but for those that are targets too."""

    def bind(self, schema: pa.Schema) -> pa.Schema:
        """The columns with the targets; ConfigError for a source that is not there, or a target that is taken."""
        return self._bound(schema)[0]

    def origins(self, schema: pa.Schema) -> Origins:
        """Each target is made of its source, the other columns are themselves."""
        after = self.bind(schema)
        sources = {mapping.written: (mapping.source,) for mapping in self.mappings}
        return Origins({name: sources.get(name, (name,)) for name in after.names})

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        """The rows with the targets."""
        schema, step = self._bound(rows.schema)
        return run_all(rows, schema, [step], task)

    def _bound(self, schema: pa.Schema) -> tuple[pa.Schema, Step]:
        before, after = Columns(schema), Columns(schema)
        targets = [mapping.written for mapping in self.mappings]
        sources = {mapping.source for mapping in self.mappings}
        removed = sources - set(targets) if self.remove_source_fields else set()
        formulas: list[Formula] = []
        for number, mapping in enumerate(self.mappings):
            try:
                formulas.append(mapping.formula(before))
                before.free(mapping.written, sources, "target")
                if mapping.written in targets[:number]:
                    raise ConfigError(Problem(f"two mappings write {mapping.written!r}", path="target"))
            except ConfigError as error:
                raise ConfigError(
                    replace(problem, path=f"mappings.{number}.{problem.path}") for problem in error.problems
                ) from error
        for target, formula in zip(targets, formulas, strict=True):
            after.put(target, formula.type)
        for name in sorted(removed):
            after.remove(name)
        return after.schema, self._step(targets, formulas)

    def _step(self, targets: list[str], formulas: list[Formula]) -> Step:
        held = [f"\0{number}" for number in range(len(targets))]

        def step(rows: Rows) -> None:
            # Results are held under names of their own until the last mapping has read the original row.
            for name, formula, mapping in zip(held, formulas, self.mappings, strict=True):
                check = Check("map", mapping.source, formula.reads, partial(_reason, mapping.transform))
                rows.put_checked(name, formula.run(rows), check)
            rows.rename(dict(zip(held, targets, strict=True)))

        return step


def _reason(transform: str | None, _: Sequence[Any]) -> str:
    return f"{transform} gives no value for it" if transform else "no value"
