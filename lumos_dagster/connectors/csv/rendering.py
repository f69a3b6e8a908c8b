"""Rows as CSV text: by expressions over whole batches, no Python per row."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.conversion import as_text, as_written, is_text

Quoting = Literal["minimal", "all", "non_numeric", "none"]

_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
_NUMBER = r"^[+-][0-9]+([.,][0-9]+)*$"
_BYTE_ORDER_MARK = "\ufeff"
_IN_NUMBERS = frozenset("0123456789+-.eENaif")
"""What a number as text may hold: NaN and inf are among them."""


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
        return self._joined([pl.Series([name]) for name in self.named(names)], [True] * len(names)) + self.line_end

    def named(self, names: list[str]) -> list[str]:
        """The names as a reader finds them in the header."""
        return _escaped(pl.Series(names)).to_list() if self.escape_formulas and names else names

    def rows(self, batch: pa.RecordBatch) -> str | None:
        """The lines of the batch; None where a value would need a quote and there are none."""
        if not batch.num_rows or not batch.num_columns:
            return ""
        plain = self._plainly(batch)
        if plain is not None and _BYTE_ORDER_MARK not in plain:
            return plain
        texts = [pl.Series(pl.from_arrow(as_text(column))) for column in batch.columns]
        worded = [not _is_number(field.type) for field in batch.schema]
        if self.escape_formulas:
            texts = [
                _escaped(text) if is_text(field.type) else text for text, field in zip(texts, batch.schema, strict=True)
            ]
        if self.quoting == "none" and any(text.str.contains(self._unquotable).any() for text in texts):
            return None
        return self._joined(texts, worded) + self.line_end

    def why_not(self, value: str) -> str:
        """Why the value cannot be written, "" where it can."""
        if self.quoting != "none" or not re.search(self._unquotable, value):
            return ""
        if value == self.null:
            return "with quoting: none it would be read as null; choose another null_value, or quoting: minimal"
        return "with quoting: none no value can hold a delimiter, a quote or the end of a line; use quoting: minimal"

    def _plainly(self, batch: pa.RecordBatch) -> str | None:
        """By polars' own, faster writer where it writes what is written here; it quotes no byte order mark."""
        marks = self.delimiter + self.quote
        is_usual = self.quoting == "minimal" and not self.null and not self.escape_formulas
        if not is_usual or len(self.delimiter) != 1 or len(self.quote) != 1 or not marks.isascii():
            return None
        if batch.num_columns == 1:  # there it quotes null, as "" is
            return None
        frame = pl.DataFrame(
            [pl.Series(str(at), pl.from_arrow(as_written(column))) for at, column in enumerate(batch.columns)]
        )
        written: str = frame.write_csv(
            include_header=False, separator=self.delimiter, quote_char=self.quote, line_terminator=self.line_end
        )
        return written

    def _joined(self, texts: list[pl.Series], worded: list[bool]) -> str:
        frame = pl.DataFrame([text.alias(str(index)) for index, text in enumerate(texts)])
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
        if not worded and not self.null and _IN_NUMBERS.isdisjoint(self.delimiter + self.quote):
            return text.fill_null(self.null)
        needed = text.str.contains(self._marks) | (text == "") | (text == self.null)
        return pl.when(needed).then(quoted).otherwise(text).fill_null(self.null)

    @cached_property
    def _marks(self) -> str:
        # A text that ends like a delimiter begins would move the delimiter behind it.
        marks = {self.delimiter[0], self.quote, "\n", "\r", _BYTE_ORDER_MARK} - {""}
        return "|".join(re.escape(mark) for mark in sorted(marks))

    @cached_property
    def _unquotable(self) -> str:
        return f"{self._marks}|^{re.escape(self.null)}$"


def formula_rows(batch: pa.RecordBatch) -> pa.BooleanArray:
    """Which rows hold a text that a spreadsheet would take as a formula; a plain negative number is none."""
    found = pa.repeat(pa.scalar(value=False), batch.num_rows)
    for column in batch.columns:
        if is_text(column.type):
            formula = pl.Series(_formula(pl.Series(pl.from_arrow(column)))).to_arrow()
            found = pc.or_(found, formula)
    return found


def formulas_in(texts: list[str]) -> list[str]:
    """Those of the texts that a spreadsheet would take as a formula."""
    series = pl.Series(texts, dtype=pl.String)
    return series.filter(_formula(series)).to_list()


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
