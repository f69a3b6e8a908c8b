"""Rows as CSV text: by expressions over whole batches, no Python per row."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.conversion import as_text, is_text
from lumos_dagster.errors import DataError

Quoting = Literal["minimal", "all", "non_numeric", "none"]

_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = r"^[+-][0-9]+([.,][0-9]+)*$"
_NEVER_IN_VALUES = (",", ";", "|", "\t")
"""Delimiters that no number, date or truth value can hold."""


@dataclass(frozen=True)
class Renderer:
    """How a CSV text is written."""

    delimiter: str = ","
    quote: str = '"'
    quoting: Quoting = "minimal"
    line_end: str = "\n"
    null: str = ""
    escape_formulas: bool = False

    def header(self, names: list[str]) -> str:
        """The line of names."""
        return self.line_end.join([self._joined([pl.Series([name]) for name in names], [True] * len(names)), ""])

    def rows(self, batch: pa.RecordBatch) -> str:
        """The lines of the batch."""
        if not batch.num_rows or not batch.num_columns:
            return ""
        texts = [pl.Series(pl.from_arrow(as_text(column))) for column in batch.columns]
        worded = [not _is_number(field.type) for field in batch.schema]
        if self.escape_formulas:
            texts = [
                _escaped(text) if is_text(field.type) else text for text, field in zip(texts, batch.schema, strict=True)
            ]
        return self._joined(texts, worded) + self.line_end

    def _joined(self, texts: list[pl.Series], worded: list[bool]) -> str:
        frame = pl.DataFrame([text.alias(str(index)) for index, text in enumerate(texts)])
        if self.quoting == "none":
            self._refuse_marks(frame)
        fields = [self._field(pl.col(str(index)), word) for index, word in enumerate(worded)]
        line = pl.concat_str(fields, separator=self.delimiter)
        return str(frame.select(line.str.join(self.line_end)).item())

    def _field(self, text: pl.Expr, worded: bool) -> pl.Expr:
        if self.quoting == "none":
            return text.fill_null(self.null)
        mark = pl.lit(self.quote)
        quoted = pl.concat_str([mark, text.str.replace_all(self.quote, self.quote * 2, literal=True), mark])
        if self.quoting == "all" or (self.quoting == "non_numeric" and worded):
            return quoted.fill_null(self.null)
        if not worded and not self.null and self.delimiter in _NEVER_IN_VALUES:
            return text.fill_null(self.null)
        needed = text.str.contains(self._marks) | (text == "") | (text == self.null)
        return pl.when(needed).then(quoted).otherwise(text).fill_null(self.null)

    @cached_property
    def _marks(self) -> str:
        marks = {self.delimiter, self.quote, "\n", "\r", "\ufeff"} - {""}
        return "|".join(re.escape(mark) for mark in sorted(marks))

    def _refuse_marks(self, frame: pl.DataFrame) -> None:
        for name in frame.columns:
            wrong = frame[name].filter(frame[name].str.contains(self._marks).fill_null(value=False))
            if len(wrong):
                raise DataError(
                    f"the value {wrong[0]!r} cannot be written with quoting: none, since it holds a delimiter, a quote "
                    "or the end of a line. Use quoting: minimal."
                )


def formula_rows(batch: pa.RecordBatch) -> pa.BooleanArray:
    """Which rows hold a text that a spreadsheet would take as a formula; a plain negative number is none."""
    found = pa.repeat(pa.scalar(value=False), batch.num_rows)
    for column in batch.columns:
        if is_text(column.type):
            formula = pl.Series(_formula(pl.Series(pl.from_arrow(column)))).to_arrow()
            found = pc.or_(found, formula)
    return found


def _formula(text: pl.Series) -> pl.Series:
    return (text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)).fill_null(value=False)


def _escaped(text: pl.Series) -> pl.Series:
    return (
        text.to_frame("text")
        .select(pl.when(_formula(text)).then("'" + pl.col("text")).otherwise(pl.col("text")))
        .to_series()
    )


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
