"""The `split` transformer: rows parted into outputs, each for children of its own."""

from collections.abc import Mapping
from typing import Annotated

import polars as pl
import pyarrow as pa
from pydantic import AfterValidator, Field, field_validator, model_validator

from lumos_dagster.combination import OUTPUT
from lumos_dagster.interface import Task, Transformer
from lumos_dagster.lineage import Origins
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.operation import run_all
from lumos_dagster.transforms.rows import Rows, Step
from lumos_dagster.values import Raw


def _output(name: str) -> str:
    if not name or not all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in name):
        raise ValueError("an output's name is made of letters A to Z and a to z, digits, _ and -")
    return name


Output = Annotated[str, AfterValidator(_output)]


class Split(Transformer):
    """Parts rows by conditions: each row goes to the first output whose condition holds.

    A child names the output that it takes: `depends_on: job.output`.
    """

    outputs_: dict[Output, str] = Field(min_length=1, validation_alias="outputs")
    """Each output's name and its condition, such as `country = 'CN'`; a null is no match."""
    otherwise: Output | None = None
    """The output for rows that match no condition; without it they are counted as filtered."""

    @field_validator("outputs_")
    @classmethod
    def _are_conditions(cls, outputs: dict[str, str]) -> dict[str, str]:
        for text in outputs.values():
            from lumos_dagster.transforms.grammar import parse

            parse(text)
        return outputs

    @model_validator(mode="after")
    def _otherwise_is_another(self) -> "Split":
        if self.otherwise in self.outputs_:
            raise ValueError(f"otherwise names {self.otherwise!r}, which has a condition of its own")
        return self

    @classmethod
    def outputs(cls, options: Mapping[str, Raw]) -> tuple[str, ...]:
        """The outputs as they are written."""
        written = options.get("outputs")
        names = tuple(map(str, written)) if isinstance(written, Mapping) else ()
        otherwise = options.get("otherwise")
        return (*names, str(otherwise)) if otherwise is not None else names

    def bind(self, schema: pa.Schema) -> pa.Schema:
        """The columns, and the one that tells the output; ConfigError for a field that is not there."""
        return self._bound(schema)[0]

    def origins(self, schema: pa.Schema) -> Origins:
        """Each column is itself, whichever output it goes to."""
        return Columns(schema).origins

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        """The rows with the name of their output; how many each got is noted."""
        schema, step = self._bound(rows.schema)

        def counting(rows: Rows) -> None:
            step(rows)
            counted = dict(rows.series(OUTPUT).value_counts().iter_rows())
            rows.tell(lambda task: _note(task, counted))

        return run_all(rows, schema, [counting], task)

    def _bound(self, schema: pa.Schema) -> tuple[pa.Schema, Step]:
        before, after = Columns(schema), Columns(schema)
        after.free(OUTPUT, (), "outputs")
        from lumos_dagster.transforms.expressions import condition

        formulas = {name: condition(text, before, f"outputs.{name}") for name, text in self.outputs_.items()}
        after.put(OUTPUT, pa.string())

        def step(rows: Rows) -> None:
            tests = pl.DataFrame({name: formula.run(rows) for name, formula in formulas.items()})
            first = [pl.when(pl.col(name)).then(pl.lit(name)) for name in formulas]
            taken = tests.select(pl.coalesce(*first, pl.lit(self.otherwise, pl.String)).alias(OUTPUT)).to_series()
            rows.put(OUTPUT, taken)
            rows.filter(taken.is_not_null())

        return after.schema, step


def _note(task: Task, counted: Mapping[str, int]) -> None:
    notes = task.count.notes
    for name, count in counted.items():
        notes[f"rows for {name}"] = notes.get(f"rows for {name}", 0) + count
