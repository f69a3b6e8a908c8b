"""The CSV extractor's options, and how its rows become Arrow batches."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from lumos_dagster.connectors.csv.columns import Columns, inferred
from lumos_dagster.connectors.csv.dialect import Dialect
from lumos_dagster.connectors.csv.options import Encoding, Mark, OneLine, check_marks
from lumos_dagster.connectors.csv.packing import Compression
from lumos_dagster.connectors.csv.reading import CsvFiles, Layout
from lumos_dagster.connectors.csv.source import find_files, place_of
from lumos_dagster.conversion.names import type_named
from lumos_dagster.files import dataset, shown
from lumos_dagster.interface import BATCH_ROWS, Extractor, Task, Texts
from lumos_dagster.values import Raw


class CsvExtractor(Extractor):
    """Reads CSV files: every row as it stands, or an error that says where it does not make sense."""

    file_path: Annotated[Texts, Field(min_length=1)]
    """A path, a glob, an fsspec URL, or a list of these; each file is read once, however often it is named."""
    has_header: bool = True
    """Whether the first line names the columns, each differently; if not, they are column_0, column_1, and so on."""
    delimiter: Annotated[OneLine, Field(min_length=1)] = ","
    """What stands between two fields: one or more characters."""
    quote: Mark = '"'
    """What encloses a field; doubled inside it stands for itself. Empty: nothing does."""
    escape: Mark = ""
    """What takes the meaning from the character behind it."""
    encoding: Encoding = "utf-8"
    """The text's encoding: any that Python knows. A byte order mark is dropped, but must not contradict it."""
    compression: Compression | None = None
    """none, gzip, zstd, bz2 or xz; by each file's suffix if not said."""
    null_values: Texts = ("",)
    """Unquoted fields that mean null. A quoted one never does, so that "" and null stay apart."""
    types: Literal["text", "infer"] | dict[str, str] = "text"
    """text: every column is text. infer: read everything twice, and give a column the type that keeps each of its
    values exactly as written. Or a mapping of column to type: int, float, decimal(p,s), bool, date, timestamp, .."""
    skip_rows: Annotated[int, Field(ge=0)] = 0
    """How many lines to leave out at the beginning of each file."""
    comment: OneLine = ""
    """What a line to be left out begins with."""
    columns: Texts | None = None
    """The columns to give, in this order; all if not said."""
    filename_column: str | None = None
    """The name of a column to add, that holds the path of the row's file."""
    batch_size: Annotated[int, Field(gt=0)] = BATCH_ROWS
    """The most rows to a batch."""

    @classmethod
    def datasets(cls, options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
        """The paths, as they are written."""
        paths = options.get("file_path", ())
        return tuple(("csv", *dataset(str(path))) for path in ([paths] if isinstance(paths, str) else paths))

    @field_validator("types")
    @classmethod
    def _types_are_known(cls, types: Literal["text", "infer"] | dict[str, str]) -> str | dict[str, str]:
        for name in types.values() if isinstance(types, dict) else ():
            type_named(name)
        return types

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        marks = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape, "comment": self.comment}
        check_marks(marks)
        return self

    def announced(self) -> pa.Schema | None:
        """The `columns`, unless their types are to be inferred."""
        if self.columns is None or self.types == "infer":
            return None
        return self._typed(Columns.of(self.columns, self.columns, self.filename_column)).schema

    def location(self) -> str:
        """The absolute paths as written, globs and all."""
        return "\n".join(shown(place_of(place)) for place in self.file_path)

    def reads(self, place: str) -> bool:
        """Whether the file at `place` is one of those that are read, whatever glob or link leads to it."""
        return any(place == shown(place_of(file)) for file in find_files(self.file_path))

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """A reader over the rows of all files, one after another."""
        files = CsvFiles(find_files(self.file_path), self._layout(), task)
        names = files.header()
        columns = Columns.of(names, self.columns, self.filename_column)
        if self.types == "infer":
            columns = columns.typed(inferred(columns, files.blocks(columns)))
        columns = self._typed(columns)
        with closing(files.batches(columns, self.batch_size)) as batches:
            yield pa.RecordBatchReader.from_batches(columns.schema, batches)

    def _typed(self, columns: Columns) -> Columns:
        if not isinstance(self.types, Mapping):
            return columns
        return columns.typed({name: type_named(kind) for name, kind in self.types.items()})

    def _layout(self) -> Layout:
        dialect = Dialect(
            delimiter=self.delimiter.encode(),
            quote=self.quote.encode(),
            escape=self.escape.encode(),
            comment=self.comment.encode(),
            nulls=frozenset(text.encode() for text in self.null_values),
            encoding=self.encoding,
        )
        return Layout(dialect, self.has_header, self.skip_rows, self.compression)
